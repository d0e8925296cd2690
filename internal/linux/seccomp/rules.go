package seccomp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Actions of seccomp(2), from include/uapi/linux/seccomp.h.
const (
	retKillProcess = 0x80000000
	retKillThread  = 0x00000000
	retTrap        = 0x00030000
	retErrno       = 0x00050000
	retNotify      = 0x7fc00000
	retTrace       = 0x7ff00000
	retLog         = 0x7ffc0000
	retAllow       = 0x7fff0000
)

// cond is one comparison of an argument; all conditions of a rule must hold.
type cond struct {
	arg   uint
	op    specs.LinuxSeccompOperator
	mask  uint64 // which bits count, for EQ, NE and MASKED_EQ
	value uint64
	wide  bool // the upper half counts
}

// rule gives a verdict to a call whose arguments meet conds (all calls when empty).
type rule struct {
	conds []cond
	ret   uint32
}

// span is a run of neighbouring call numbers, from its first up to the next
// span's, that get the same treatment.
type span struct {
	from  uint32
	rules []rule // in order, the first that matches wins
	ret   uint32 // when none does
}

func (s span) same(o span) bool {
	return s.ret == o.ret && slices.EqualFunc(s.rules, o.rules, func(a, b rule) bool { return a.ret == b.ret && slices.Equal(a.conds, b.conds) })
}

// key identifies what same compares.
func (s span) key() string { return fmt.Sprint(s.rules, s.ret) }

// verdict is the value that a filter returns for an action.
// A nil errno means EPERM, as in runc.
func verdict(action specs.LinuxSeccompAction, errno *uint) (uint32, error) {
	data := uint32(unix.EPERM)
	if errno != nil {
		if *errno > 0xffff {
			return 0, fault.New(fault.Invalid, "The seccomp profile's errnoRet %d does not fit into 16 bits.", *errno)
		}
		data = uint32(*errno)
	}
	switch action {
	case specs.ActAllow:
		return retAllow, nil
	case specs.ActErrno:
		return retErrno | data, nil
	case specs.ActTrace:
		return retTrace | data, nil
	case specs.ActKill, specs.ActKillThread:
		return retKillThread, nil
	case specs.ActKillProcess:
		return retKillProcess, nil
	case specs.ActTrap:
		return retTrap, nil
	case specs.ActLog:
		return retLog, nil
	case specs.ActNotify:
		return retNotify, nil
	}
	return 0, fault.New(fault.Invalid, "The seccomp profile names the unknown action %q.", string(action))
}

// spans is the whole decision for one ABI, sorted, beginning at number 0 (or
// x32's first).
func spans(p *specs.LinuxSeccomp, a abi) ([]span, error) {
	def, err := verdict(p.DefaultAction, p.DefaultErrnoRet)
	if err != nil {
		return nil, err
	}
	rules, last, err := collect(p, a, def)
	if err != nil {
		return nil, err
	}
	out := []span{{from: a.bit, ret: def}}
	numbers := make([]uint32, 0, len(rules))
	for nr := range rules {
		numbers = append(numbers, nr)
	}
	slices.Sort(numbers)
	for _, nr := range numbers {
		s := span{from: nr, rules: rules[nr], ret: def}
		if n := len(s.rules); n > 0 && len(s.rules[n-1].conds) == 0 {
			s.ret, s.rules = s.rules[n-1].ret, s.rules[:n-1]
		}
		out = append(out, s, span{from: nr + 1, ret: def})
	}
	if stub(p) && last != 0 {
		out = cut(out, last+1, def)
	}
	return merge(out), nil
}

// stub reports whether calls newer than the profile get ENOSYS: C libraries
// then fall back to an older call, which they do not on EPERM. The conditions
// are runc's (libcontainer/seccomp/patchbpf): a permissive default, and a
// tracer, will see the call instead.
func stub(p *specs.LinuxSeccomp) bool {
	switch p.DefaultAction {
	case specs.ActAllow, specs.ActLog, specs.ActTrace:
		return false
	}
	return p.DefaultErrnoRet == nil || *p.DefaultErrnoRet != uint(unix.ENOSYS)
}

// cut turns default verdicts at and above number `from` into ENOSYS.
func cut(in []span, from, def uint32) []span {
	const enosys = retErrno | uint32(unix.ENOSYS)
	var out []span
	for i, s := range in {
		if s.from >= from && len(s.rules) == 0 && s.ret == def {
			s.ret = enosys
		}
		out = append(out, s)
		end := i == len(in)-1 || in[i+1].from > from
		if s.from < from && end && len(s.rules) == 0 && s.ret == def {
			out = append(out, span{from: from, ret: enosys})
		}
	}
	return out
}

// merge joins neighbours with equal treatment and drops empty spans.
func merge(in []span) []span {
	var out []span
	for i, s := range in {
		if i+1 < len(in) && in[i+1].from == s.from {
			continue
		}
		if n := len(out); n > 0 && out[n-1].same(s) {
			continue
		}
		out = append(out, s)
	}
	return out
}

// collect maps call numbers to their rules, and says which is the highest
// number that the profile names. Rules for one call are in the profile's
// order, but one without conditions ends the list wherever it stood: that is
// libseccomp's reading, where the widest rule swallows the others and the
// first of two wide ones stays.
func collect(p *specs.LinuxSeccomp, a abi, def uint32) (map[uint32][]rule, uint32, error) {
	out, last := map[uint32][]rule{}, uint32(0)
	for _, sc := range p.Syscalls {
		rs, err := rulesOf(sc, a)
		if err != nil {
			return nil, 0, err
		}
		for _, name := range sc.Names {
			nr, here := a.number(name)
			if here && nr > last && nr < armPrivate|a.bit {
				last = nr
			}
			// A rule that says what the default says is no rule (runc).
			if rs[0].ret == def {
				continue
			}
			if here {
				out[nr] = add(out[nr], rs)
			}
			if a.mux != nil {
				if mnr, sub, ok := a.mux(name); ok {
					out[mnr] = add(out[mnr], behind(rs, sub))
				}
			}
		}
	}
	return out, last, nil
}

// add appends more to the rules of a call.
func add(have, more []rule) []rule {
	for _, r := range more {
		if n := len(have); n > 0 && len(have[n-1].conds) == 0 {
			return have
		}
		if len(r.conds) == 0 {
			return []rule{r}
		}
		if !slices.ContainsFunc(have, func(h rule) bool { return slices.Equal(h.conds, r.conds) }) {
			have = append(have, r)
		}
	}
	return have
}

// behind rewrites rules for a call that is reached through another: the first
// argument is then the number sub. The call's own arguments lie in memory,
// where a filter cannot look, so a condition on the first is lost
// (libseccomp: arch-x86.c).
func behind(rs []rule, sub uint32) []rule {
	out := make([]rule, len(rs))
	for i, r := range rs {
		conds := []cond{{arg: 0, op: specs.OpEqualTo, mask: ^uint64(0), value: uint64(sub)}}
		for _, c := range r.conds {
			if c.arg != 0 {
				conds = append(conds, c)
			}
		}
		out[i] = rule{conds: conds, ret: r.ret}
	}
	return out
}

// rulesOf reads one entry of the profile. Conditions on different arguments
// must all hold; if an argument is named twice, each condition is a rule of
// its own (runtime-spec, and runc's matchCall).
func rulesOf(sc specs.LinuxSyscall, a abi) ([]rule, error) {
	ret, err := verdict(sc.Action, sc.ErrnoRet)
	if err != nil {
		return nil, err
	}
	var conds []cond
	var seen [6]bool
	twice := false
	for _, arg := range sc.Args {
		c, err := condition(arg, a)
		if err != nil {
			return nil, fault.Wrap(fault.KindOf(err), err, "The seccomp rule for %s is wrong", strings.Join(sc.Names, ", "))
		}
		twice = twice || seen[c.arg]
		seen[c.arg] = true
		conds = append(conds, c)
	}
	if !twice {
		return []rule{{conds: conds, ret: ret}}, nil
	}
	var rs []rule
	for _, c := range conds {
		rs = append(rs, rule{conds: []cond{c}, ret: ret})
	}
	return rs, nil
}

func condition(arg specs.LinuxSeccompArg, a abi) (cond, error) {
	if arg.Index > 5 {
		return cond{}, fault.New(fault.Invalid, "A system call has no argument %d.", arg.Index)
	}
	c := cond{arg: arg.Index, op: arg.Op, mask: ^uint64(0), value: arg.Value, wide: a.wide}
	switch arg.Op {
	case specs.OpEqualTo, specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpGreaterThan, specs.OpGreaterEqual:
	case specs.OpMaskedEqual:
		c.mask, c.value = arg.Value, arg.ValueTwo&arg.Value
	default:
		return cond{}, fault.New(fault.Invalid, "The seccomp operator %q is unknown.", string(arg.Op))
	}
	if !a.wide {
		c.mask, c.value = c.mask&0xffffffff, c.value&0xffffffff
	}
	return c, nil
}
