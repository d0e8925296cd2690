package session

import (
	"fmt"
	"strconv"

	"berth/internal/fault"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Refused is a flag of docker's that we know and do not have yet.
type Refused struct {
	Name, Short string
	Bool        bool   // needs no value
	Default     string // this value changes nothing and is accepted
	Only        string // what daemons have it, if that is the reason
}

// Refuse adds flags that end in a clear error when they are used. Nothing that
// docker knows may be ignored silently or called unknown.
func Refuse(fs *pflag.FlagSet, flags ...Refused) {
	for _, r := range flags {
		f := fs.VarPF(&refusedValue{flag: r}, r.Name, r.Short, "Not supported yet")
		f.Hidden = true
		if r.Bool {
			f.NoOptDefVal = "true"
		}
	}
}

type refusedValue struct {
	flag Refused
	used bool
}

func (v *refusedValue) String() string { return v.flag.Default }
func (v *refusedValue) Type() string   { return "string" }

// Set notes the use; CheckRefused turns it into an error, since an error from
// here would be called an invalid argument.
func (v *refusedValue) Set(s string) error {
	if v.flag.Bool {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return err
		}
		s = strconv.FormatBool(b)
		if v.flag.Default == "" && !b {
			return nil
		}
	}
	v.used = v.used || s != v.flag.Default
	return nil
}

// CheckRefused fails when one of the command's refused flags was used.
func CheckRefused(cmd *cobra.Command) error {
	err := checkTrust(cmd)
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if v, ok := f.Value.(*refusedValue); ok && v.used && err == nil {
			if v.flag.Only != "" {
				err = fault.New(fault.Unsupported, `"--%s" is only supported on a Docker daemon %s`, f.Name, v.flag.Only)
				return
			}
			cause := fault.New(fault.Unsupported, "--%s is not supported yet", f.Name)
			err = &StatusError{Code: 125, Cause: cause, Text: fmt.Sprintf(
				"berth: %v\n\nRun '%s --help' for more information", cause, cmd.CommandPath())}
		}
	})
	return err
}
