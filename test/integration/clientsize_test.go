//go:build linux

package integration

import (
	"os"
	"testing"

	"berth/test/harness"
)

// TestTheClientStaysSmall holds the client below what it may weigh: every
// command pays for it at its start.
func TestTheClientStaysSmall(t *testing.T) {
	info, err := os.Stat(harness.Binary(t, "berth"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() >= 10<<20 {
		t.Errorf("berth has %d bytes, which is more than 10 MiB", info.Size())
	}
}
