#include "agent/decide/acceptance.h"

#include <linux/if_addr.h>

namespace stronghost {

bool IsDuplicate(const AddressFact& address) {
  return (address.flags & IFA_F_DADFAILED) != 0;
}

bool IsAccepted(const AddressFact& address) {
  return !IsDuplicate(address) &&
         ((address.flags & IFA_F_TENTATIVE) == 0 || (address.flags & IFA_F_OPTIMISTIC) != 0);
}

}  // namespace stronghost
