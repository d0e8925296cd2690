//go:build linux

package runtime_test

import (
	"testing"

	"berth/internal/launch"
)

// rootProof is what somebody with every right can do to a root. A root that is
// merely a chroot(2)'s lets nobody make a user namespace, has a parent to
// get to, and cannot be pivoted.
const rootProof = `
unshare -U true && echo 'a user namespace'
unshare -m sh -c 'mount -t tmpfs new /tmp && mkdir /tmp/old && pivot_root /tmp /tmp/old && echo pivoted && /old/bin/busybox umount -l /old; echo /*'
cd /; cd ..; cd ../..; pwd; stat -c %i / /.. /../.. | uniq | wc -l
grep -c ' / / ' /proc/self/mountinfo
mkdir -p /tmp/jail; unshare -m sh -c 'mount -t tmpfs jail /tmp/jail; chroot /tmp/jail /none 2>/dev/null; cd /tmp/jail/../../../..; pwd'
umount -l / && echo 'the root is let go'; ls /bin/busybox
exit 9`

func TestTheRootOfASandboxIsAsGoodAsAPivotedOne(t *testing.T) {
	tell := func(start func(*box) (launch.Child, error)) (string, int) {
		b := newBox(t, rootProof)
		for _, name := range []string{"unshare", "mount", "umount", "pivot_root", "uniq", "wc", "chroot", "true"} {
			b.link(name)
		}
		b.spec.Linux.Seccomp = nil
		caps := b.spec.Process.Capabilities
		for _, set := range []*[]string{&caps.Bounding, &caps.Effective, &caps.Permitted} {
			*set = append(append([]string{}, *set...), "CAP_SYS_ADMIN")
		}
		out, _ := pipes(t, b.give)
		child, err := start(b)
		return b.ends(child, err, out)
	}
	cold, code := tell((*box).start)
	warm, code2 := tell((*box).warm)
	const want = `a user namespace
pivoted
/old
/
1
1
/
the root is let go
/bin/busybox
`
	if cold != want || code != 9 {
		t.Errorf("cold, %d:\n%s", code, cold)
	}
	if warm != want || code2 != 9 {
		t.Errorf("warm, %d:\n%s", code2, warm)
	}
}
