package stdio

import (
	"os"
	"syscall"
	"testing"

	"berth/internal/runtime"
)

func TestStreamsBelongToTheUserAndTheHostsNullDeviceDoesNot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	for _, r := range []Request{{Stdout: true, UID: 1234}, {TTY: true, UID: 1234}} {
		s, err := Open(r)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range s.Child {
			st, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			ours := s.Names[i] == runtime.FdStdout || s.Names[i] == runtime.FdPty
			if UID := st.Sys().(*syscall.Stat_t).Uid; (UID == 1234) != ours {
				t.Errorf("%s belongs to %d", s.Names[i], UID)
			}
		}
		s.CloseAll()
	}
}
