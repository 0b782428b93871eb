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

absl::btree_set<IpAddress> Unaccepted(const Facts& facts) {
  absl::btree_set<IpAddress> unaccepted;
  for (const AddressFact& address : facts.addresses) {
    if (!IsAccepted(address)) {
      unaccepted.insert(address.ip.address);
    }
  }
  for (const AddressFact& address : facts.addresses) {
    if (!unaccepted.empty() && IsAccepted(address)) {
      unaccepted.erase(address.ip.address);
    }
  }
  return unaccepted;
}

}  // namespace stronghost
