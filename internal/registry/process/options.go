// Package process makes a registry of its parts: it reads the flags, listens,
// and does what has to be done from time to time.
package process

import (
	"io"
	"time"

	"berth/internal/fault"

	"github.com/spf13/pflag"
)

// Options are the flags of `berth-registry serve`.
type Options struct {
	Data   string
	Listen string

	Sparse       bool
	ReadOnly     bool
	Grace        time.Duration
	UploadExpiry time.Duration
}

// Parse reads the flags. pflag.ErrHelp stands for a help that has been printed.
func Parse(args []string, out io.Writer) (Options, error) {
	o := Options{}
	fs := pflag.NewFlagSet("berth-registry serve", pflag.ContinueOnError)
	fs.SetOutput(out)
	fs.SortFlags = false
	fs.StringVar(&o.Data, "data", "/var/lib/berth-registry", "The directory that everything is kept in")
	fs.StringVar(&o.Listen, "listen", "127.0.0.1:5000", "Address and port to listen on")
	fs.BoolVar(&o.ReadOnly, "read-only", false, "Serve what is there and take nothing")
	fs.BoolVar(&o.Sparse, "sparse", false, "Take manifests that name blobs or manifests which are not there")
	fs.DurationVar(&o.Grace, "grace", 24*time.Hour, "How long a blob stays that no manifest names")
	fs.DurationVar(&o.UploadExpiry, "upload-expiry", 7*24*time.Hour, "How long an upload may rest before it is removed")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fault.New(fault.Invalid, "serve takes flags only, and %q is none", fs.Arg(0))
	}
	return o, nil
}
