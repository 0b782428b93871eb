/*
 * What happens in the moment in which a wire turns out to have no carrier.
 */
#ifndef STRONGHOST_BPF_FLIP_H
#define STRONGHOST_BPF_FLIP_H

#include "bpf/lib/event.h"
#include "bpf/lib/wire.h"

/* Set by the agent before load; see maps.bpf.c. */
extern const volatile bool sh_can_read_carrier;
extern const volatile bool sh_has_kernel_cast;

/*
 * Before Linux 6.2. A program's context lies where the kernel's structure does (the verifier turns
 * every access to the one into an access to the other), so it can be read as that.
 */
static __noinline unsigned long probe_link_state(const struct __sk_buff *skb)
{
	const struct sk_buff *kernel_skb = (const void *)skb;
	const struct net_device *device = NULL;
	unsigned long state = 0;

	if (bpf_probe_read_kernel(&device, sizeof(device), &kernel_skb->dev) ||
	    bpf_probe_read_kernel(&state, sizeof(state), &device->state))
		return 0;
	return state;
}

/* Whether the NIC that the packet is about to leave by has lost its carrier. */
static __always_inline bool carrier_lost(struct __sk_buff *skb)
{
	struct sk_buff *kernel_skb;
	unsigned long state;

	if (!sh_can_read_carrier)
		return false;
	if (sh_has_kernel_cast) {
		kernel_skb = bpf_cast_to_kern_ctx(skb);
		state = kernel_skb->dev->state;
	} else {
		state = probe_link_state(skb);
	}
	return state & (1UL << SH_LINK_STATE_NOCARRIER);
}

static __always_inline void report_flip(__u32 home, __u32 from, __u32 to)
{
	struct sh_event *event = new_event(SH_EVENT_FLIP);

	if (!event)
		return;
	event->home = home;
	event->ifindex = from;
	event->to = to;
	bpf_ringbuf_submit(event, 0);
}

/*
 * `from` carries the home and is dead: the backup takes over. Returns the wire in force afterwards,
 * which may be another CPU's or the agent's choice, or `from` when there is no backup.
 */
static __noinline __u32 flip(struct sh_home *home, __u32 index, __u32 from)
{
	union path_word old, new, seen;

	old.path = path_of(home);
	if (old.path.wire != from || !old.path.backup || old.path.backup == from)
		return old.path.wire;
	new.path.wire = old.path.backup;
	new.path.backup = 0;
	seen.word = __sync_val_compare_and_swap((__u64 *)&home->path, old.word, new.word);
	if (seen.word != old.word)
		return seen.path.wire;
	report_flip(index, from, new.path.wire);
	return new.path.wire;
}

#endif
