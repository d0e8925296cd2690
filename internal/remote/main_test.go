package remote

import (
	"io"
	"log"
	"os"
	"testing"

	containerdlog "github.com/containerd/log"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the servers' words about clients that do not believe them
	if err := containerdlog.SetLevel("error"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
