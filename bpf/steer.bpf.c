/*
 * steer: tc egress of every member. The source address owns the way out: home, then wire.
 *
 *   first meeting   read -> home -> wire -> (flip) -> pass, or rewrite and redirect
 *   second meeting  a frame that was redirected here: pass, unless this NIC died meanwhile
 */
#include "bpf/lib/egress.h"
#include "bpf/lib/rewrite.h"

static __always_inline int end(struct __sk_buff *skb, __u32 nic_home, enum sh_verdict verdict,
			       int action)
{
	account(nic_home, verdict, skb->len);
	return action;
}

/* The frame leaves by this NIC, unless it has no carrier. Returns the wire in force. */
static __always_inline __u32 wire_now(struct __sk_buff *skb, struct sh_home *home, __u32 index)
{
	__u32 wire = path_of(home).wire;

	if (wire == skb->ifindex && carrier_lost(skb))
		wire = flip(home, index, skb->ifindex);
	return wire;
}

static __always_inline enum sh_verdict pass_verdict(struct __sk_buff *skb, enum sh_verdict good)
{
	return carrier_lost(skb) ? SH_OUT_NO_WIRE : good;
}

static __always_inline int meet_again(struct __sk_buff *skb, const struct mark *mark)
{
	struct sh_nic *nic = nic_of(skb->ifindex);
	struct sh_home *home = home_at(mark->home);
	__u32 nic_home = nic ? nic->home : SH_HOME_NONE;
	__u32 wire;

	if (!home)
		return end(skb, nic_home, SH_NOT_MANAGED, SH_PASS);
	wire = wire_now(skb, home, mark->home);
	if (wire == skb->ifindex || !wire || mark->hops >= MARK_HOPS_MAX)
		return end(skb, nic_home, pass_verdict(skb, SH_OUT_CARRIED), SH_PASS);
	if (!rewrite_source(skb, home, nic, wire))
		return end(skb, nic_home, SH_OUT_ERROR, SH_DROP);
	set_mark(skb, MARK_OUT, mark->home, mark->hops + 1);
	return end(skb, nic_home, SH_OUT_CARRIED, bpf_redirect(wire, 0));
}

static __always_inline int send_by_wire(struct __sk_buff *skb, const struct egress *out,
					struct sh_home *home, __u32 index, __u32 wire)
{
	struct sh_nic *nic = nic_of(skb->ifindex);
	struct sh_home *here = home_at(nic ? nic->home : SH_HOME_NONE);

	if (!nic || !here)
		return end(skb, SH_HOME_NONE, SH_NOT_MANAGED, SH_PASS);
	/*
	 * Another segment: this frame's destination MAC is a neighbour's here, not there. The
	 * kernel resolves the next hop anew, by the rules of the source address.
	 */
	if (home->group != here->group && out->routed)
		return end(skb, nic->home, SH_OUT_OTHER_GROUP,
			   bpf_redirect_neigh(home->ifindex, NULL, 0, 0));
	if (!rewrite_source(skb, home, nic, wire))
		return end(skb, nic->home, SH_OUT_ERROR, SH_DROP);
	set_mark(skb, MARK_OUT, index, 1);
	return end(skb, nic->home, home->ifindex == skb->ifindex ? SH_OUT_STAND_IN : SH_OUT_STEER,
		   bpf_redirect(wire, 0));
}

SEC("tc")
int sh_steer(struct __sk_buff *skb)
{
	struct mark mark = take_mark(skb, MARK_OUT);
	struct egress out = {};
	struct sh_home *home;
	__u32 index, nic_home, wire;

	if (mark.home)
		return meet_again(skb, &mark);
	read_egress(skb, &out);
	if (out.verdict)
		return end(skb, home_of_nic(skb->ifindex), out.verdict, SH_PASS);
	index = home_of_egress(skb, &out);
	home = home_at(index);
	if (!home || !home->ifindex || index == SH_HOME_NONE)
		return end(skb, SH_HOME_NONE, SH_NOT_MANAGED, SH_PASS);
	wire = wire_now(skb, home, index);
	if (wire && wire != skb->ifindex)
		return send_by_wire(skb, &out, home, index, wire);
	nic_home = home->ifindex == skb->ifindex ? index : home_of_nic(skb->ifindex);
	return end(skb, nic_home, pass_verdict(skb, SH_OUT_PASS), SH_PASS);
}

char _license[] SEC("license") = "GPL";
