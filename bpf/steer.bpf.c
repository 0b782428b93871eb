/*
 * steer: tc egress of every member. The source address owns the way out: home, then wire.
 *
 *   first meeting   read -> home -> wire -> (flip) -> pass, or rewrite and redirect
 *   second meeting  a frame that was redirected here: pass, unless this NIC died meanwhile
 */
#include "bpf/lib/egress.h"
#include "bpf/lib/rewrite.h"
#include "bpf/lib/sent.h"
#include "bpf/lib/trace.h"

static __always_inline int end(struct __sk_buff *skb, __u32 nic_home, enum sh_verdict verdict,
			       int action)
{
	account(nic_home, verdict, skb->len);
	if (is_traced(verdict))
		sh_trace_skb(skb, nic_home, verdict, SH_TRACE_STEER);
	return action;
}

/* The frame leaves by this NIC, unless it has no carrier. Returns the wire in force. */
static __always_inline __u32 wire_now(struct __sk_buff *skb, struct sh_home *home, __u32 index)
{
	__u32 wire = path_of(home).wire;

	if (wire == skb->ifindex && unlikely(carrier_lost(skb)))
		wire = flip(home, index, skb->ifindex);
	return wire;
}

static __noinline int note_left(struct __sk_buff *skb, __u32 here)
{
	return note_sent(skb, here, kind_of((void *)(long)skb->data, (void *)(long)skb->data_end));
}

/* It leaves by this NIC, which is home `here`. */
static __always_inline int leave(struct __sk_buff *skb, __u32 here, const struct sh_home *here_home,
				 enum sh_verdict good)
{
	enum sh_verdict verdict = unlikely(carrier_lost(skb)) ? SH_OUT_NO_WIRE : good;

	if (here_home && here_home->flags & SH_HOME_WATCHED)
		note_left(skb, here);
	return end(skb, here, verdict, SH_PASS);
}

static __noinline int leave_by_stranger(struct __sk_buff *skb)
{
	__u32 here = home_of_nic(skb->ifindex);

	return leave(skb, here, home_at(here), SH_OUT_PASS);
}

/*
 * A frame that steer handed to this NIC. Not inline, like all that follows but the way of a packet
 * that leaves as routing wanted.
 */
static __noinline int meet_again(struct __sk_buff *skb)
{
	struct mark mark = take_mark(skb);
	__u32 here = member_on(mark.home, skb->ifindex), wire;
	struct sh_home *home = home_at(mark.home), *here_home;

	if (unlikely(!here))
		here = home_of_nic(skb->ifindex);
	here_home = home_at(here);
	if (!home || !here_home)
		return end(skb, here, SH_NOT_MANAGED, SH_PASS);
	wire = wire_now(skb, home, mark.home);
	if (wire == skb->ifindex || !wire || mark.hops >= MARK_HOPS_MAX)
		return leave(skb, here, here_home, SH_OUT_CARRIED);
	if (!rewrite_source(skb, home, mark.home, here_home, wire))
		return end(skb, here, SH_OUT_ERROR, SH_DROP);
	set_mark(skb, MARK_OUT, mark.home, mark.hops + 1);
	return end(skb, here, SH_OUT_CARRIED, bpf_redirect(wire, 0));
}

/*
 * Another segment: this frame's destination MAC is a neighbour's here, not there. The kernel
 * resolves the next hop anew, by the rules of the source address.
 */
static __noinline int send_to_other_group(struct __sk_buff *skb, const struct sh_home *home,
					  __u32 index, __u32 wire, bool routed)
{
	struct sh_nic *nic = nic_of(skb->ifindex);
	struct sh_home *here = home_at(nic ? nic->home : SH_HOME_NONE);

	if (!nic || !here)
		return end(skb, SH_HOME_NONE, SH_NOT_MANAGED, SH_PASS);
	if (routed)
		return end(skb, nic->home, SH_OUT_OTHER_GROUP,
			   bpf_redirect_neigh(home->ifindex, NULL, 0, 0));
	if (!rewrite_source(skb, home, index, here, wire))
		return end(skb, nic->home, SH_OUT_ERROR, SH_DROP);
	set_mark(skb, MARK_OUT, index, 1);
	return end(skb, nic->home, SH_OUT_STEER, bpf_redirect(wire, 0));
}

/* By another NIC than this one, or by this one although it has no carrier. */
static __noinline int send_by_wire(struct __sk_buff *skb, struct sh_home *home, __u32 index,
				   bool routed)
{
	__u32 here = index, wire = wire_now(skb, home, index);
	struct sh_home *here_home = home;

	if (home->ifindex != skb->ifindex)
		here_home = member_at(home->next, skb->ifindex, &here);
	if (!wire || wire == skb->ifindex)
		return here ? leave(skb, here, here_home, SH_OUT_PASS) : leave_by_stranger(skb);
	if (!here_home)
		return send_to_other_group(skb, home, index, wire, routed);
	if (!rewrite_source(skb, home, index, here_home, wire))
		return end(skb, here, SH_OUT_ERROR, SH_DROP);
	set_mark(skb, MARK_OUT, index, 1);
	return end(skb, here, here == index ? SH_OUT_STAND_IN : SH_OUT_STEER,
		   bpf_redirect(wire, 0));
}

SEC("tc")
int sh_steer(struct __sk_buff *skb)
{
	struct egress out = {};
	struct sh_home *home;
	__u32 index;

	if (has_mark(skb, MARK_OUT))
		return meet_again(skb);
	read_egress(skb, &out);
	if (unlikely(out.verdict))
		return end(skb, home_of_nic(skb->ifindex), out.verdict, SH_PASS);
	index = home_of_egress(skb, &out);
	home = home_at(index);
	if (unlikely(!home || !home->ifindex || index == SH_HOME_NONE))
		return end(skb, SH_HOME_NONE, SH_NOT_MANAGED, SH_PASS);
	if (path_of(home).wire != skb->ifindex || unlikely(carrier_lost(skb)))
		return send_by_wire(skb, home, index, out.routed);
	if (unlikely(home->ifindex != skb->ifindex))
		return leave_by_stranger(skb);
	if (home->flags & SH_HOME_WATCHED)
		note_sent(skb, index, out.kind);
	return end(skb, index, SH_OUT_PASS, SH_PASS);
}

char _license[] SEC("license") = "GPL";
