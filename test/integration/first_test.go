//go:build linux

package integration

import (
	"testing"

	"berth/test/harness"
)

func TestTheEmbeddedImageGreets(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Prints("hello there", "run", "--rm", "berth/hello", "echo", "hello there")
		c.Prints("", "ps", "-aq")
	})
}
