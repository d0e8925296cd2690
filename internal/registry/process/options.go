// Package process makes a registry of its parts: it reads the flags, listens,
// and does what has to be done from time to time.
package process

import (
	"io"
	"time"

	"berth/internal/fault"

	"github.com/docker/go-units"
	"github.com/spf13/pflag"
)

// Options are the flags of `berth-registry serve`.
type Options struct {
	Data   string
	Listen string
	Sparse bool
	// ReadOnly serves what is there and takes nothing.
	ReadOnly bool
	Mirror   Mirror
	Security Security
	Upkeep   Upkeep
	// Metrics is where /metrics and /healthz are served too; "" for nowhere.
	Metrics string
	// AccessLog is a file, "-" for the standard output, or "" for none.
	AccessLog string
}

// Mirror says what this registry is a cache of.
type Mirror struct {
	Of          string // an address; "" for nothing
	Credentials string // a file with user:password
}

// Security says who may come, and how.
type Security struct {
	Cert, Key string
	Passwords string // an htpasswd file
	Policy    string // a file of rights and quotas
	Tokens    bool   // rather than a password with every request
	TokenURL  string
}

// Upkeep is what is done from time to time. 0 is never.
type Upkeep struct {
	Grace        time.Duration
	UploadExpiry time.Duration
	Untagged     time.Duration // how long manifests stay that no tag leads to
	SweepEvery   time.Duration
	ScrubEvery   time.Duration
	ScrubRate    int64 // bytes a second
}

// Parse reads the flags. pflag.ErrHelp stands for a help that has been printed.
func Parse(args []string, out io.Writer) (Options, error) {
	o := Options{}
	fs := flags("serve", out)
	o.common(fs)
	fs.StringVar(&o.Listen, "listen", "127.0.0.1:5000", "Address and port to listen on")
	fs.BoolVar(&o.ReadOnly, "read-only", false, "Serve what is there and take nothing")
	fs.BoolVar(&o.Sparse, "sparse", false, "Take manifests that name blobs or manifests which are not there")
	fs.StringVar(&o.Mirror.Of, "mirror-of", "", "Address of a registry whose content is served and kept, as https://registry-1.docker.io; nothing can be pushed then")
	fs.StringVar(&o.Mirror.Credentials, "mirror-credentials", "", "File with user:password for that registry")
	s := &o.Security
	fs.StringVar(&s.Cert, "tls-cert", "", "File of the certificate, with those that sign it; read again when it changes")
	fs.StringVar(&s.Key, "tls-key", "", "File of the certificate's key")
	fs.StringVar(&s.Passwords, "htpasswd", "", "File of users and their bcrypt hashes (htpasswd -B); read again when it changes")
	fs.StringVar(&s.Policy, "policy", "", "File of rights and quotas (JSON); read again on SIGHUP")
	fs.BoolVar(&s.Tokens, "tokens", false, "Give out tokens at /token, rather than ask for a password with every request")
	fs.StringVar(&s.TokenURL, "token-url", "", "Where clients reach /token, if not at the host that they came to")
	u := &o.Upkeep
	fs.DurationVar(&u.UploadExpiry, "upload-expiry", 7*24*time.Hour, "How long an upload may rest before it is removed")
	fs.DurationVar(&u.Untagged, "untagged-after", 0, "How long a manifest stays that no tag leads to; 0 for ever")
	fs.DurationVar(&u.SweepEvery, "gc-every", 6*time.Hour, "How often what nobody can reach is removed; 0 for never (SIGUSR1 does it at once)")
	fs.DurationVar(&u.ScrubEvery, "scrub-every", 0, "How often everything is read and compared with its digest; 0 for never")
	rate := fs.String("scrub-rate", "50MB", "How much of it a second")
	fs.StringVar(&o.Metrics, "metrics", "", "Address and port that also serve /metrics and /healthz")
	fs.StringVar(&o.AccessLog, "access-log", "", "File for a line per request, opened again on SIGHUP; - for the standard output")
	if err := parse(fs, args); err != nil {
		return o, err
	}
	var err error
	if u.ScrubRate, err = units.FromHumanSize(*rate); err != nil || u.ScrubRate <= 0 {
		return o, fault.New(fault.Invalid, "%q is no size for --scrub-rate", *rate)
	}
	return o, o.Check()
}

// ParseUpkeep reads the flags of the commands that work at a directory which no
// registry serves.
func ParseUpkeep(command string, args []string, out io.Writer) (Options, error) {
	o := Options{}
	fs := flags(command, out)
	o.common(fs)
	return o, parse(fs, args)
}

func flags(command string, out io.Writer) *pflag.FlagSet {
	fs := pflag.NewFlagSet("berth-registry "+command, pflag.ContinueOnError)
	fs.SetOutput(out)
	fs.SortFlags = false
	return fs
}

func (o *Options) common(fs *pflag.FlagSet) {
	fs.StringVar(&o.Data, "data", "/var/lib/berth-registry", "The directory that everything is kept in")
	fs.DurationVar(&o.Upkeep.Grace, "grace", 24*time.Hour, "How long a blob stays that no manifest names")
}

func parse(fs *pflag.FlagSet, args []string) error {
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fault.New(fault.Invalid, "%q is no flag, and there are no other arguments", fs.Arg(0))
	}
	return nil
}

// Check refuses what contradicts itself.
func (o Options) Check() error {
	s := o.Security
	switch {
	case o.Mirror.Credentials != "" && o.Mirror.Of == "":
		return fault.New(fault.Invalid, "--mirror-credentials needs --mirror-of")
	case (s.Cert == "") != (s.Key == ""):
		return fault.New(fault.Invalid, "--tls-cert and --tls-key go together")
	case s.Tokens && s.Passwords == "":
		return fault.New(fault.Invalid, "--tokens needs --htpasswd: tokens are given for passwords")
	case s.TokenURL != "" && !s.Tokens:
		return fault.New(fault.Invalid, "--token-url needs --tokens")
	case o.Upkeep.Untagged != 0 && o.Upkeep.Untagged < time.Minute:
		return fault.New(fault.Invalid, "--untagged-after is at least a minute: the manifests of an index are pushed before it")
	case o.Upkeep.Untagged != 0 && o.ReadOnly:
		return fault.New(fault.Invalid, "--untagged-after removes something, and --read-only does not")
	case !o.ReadOnly && o.Upkeep.Grace < time.Minute:
		return fault.New(fault.Invalid, "--grace is at least a minute: a push takes a while from its first blob to its manifest")
	}
	return nil
}
