package seccomp

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestAFilterCanBeAskedWhatItAllows(t *testing.T) {
	profile, err := Default(nil)
	if err != nil {
		t.Fatal(err)
	}
	docker, err := Compile(profile)
	if err != nil {
		t.Fatal(err)
	}
	one, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"ioctl"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Index: 1, Value: unix.TIOCSCTTY, Op: specs.OpEqualTo}}},
		{Names: []string{"setsid"}, Action: specs.ActLog},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		filter Filter
		want   bool
		call   uintptr
		args   []uint64
	}{
		{"no filter", Filter{}, true, unix.SYS_MOUNT, nil},
		{"a plain clone", docker, true, unix.SYS_CLONE, []uint64{uint64(unix.SIGCHLD)}},
		{"a clone with a namespace", docker, false, unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER}},
		{"mount", docker, false, unix.SYS_MOUNT, nil},
		{"the argument", one, true, unix.SYS_IOCTL, []uint64{0, unix.TIOCSCTTY}},
		{"another argument", one, false, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}},
		{"what is logged", one, true, unix.SYS_SETSID, nil},
		{"what is not named", one, false, unix.SYS_CLONE, nil},
	} {
		if got := test.filter.Allows(test.call, test.args...); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
