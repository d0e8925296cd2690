package container

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
	for _, r := range []stdioRequest{{stdout: true, uid: 1234}, {tty: true, uid: 1234}} {
		s, err := openStdio(r)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range s.child {
			st, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			ours := s.names[i] == runtime.FdStdout || s.names[i] == runtime.FdPty
			if uid := st.Sys().(*syscall.Stat_t).Uid; (uid == 1234) != ours {
				t.Errorf("%s belongs to %d", s.names[i], uid)
			}
		}
		s.closeAll()
	}
}
