package session

import (
	"strconv"

	"berth/internal/fault"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// InstallTrust adds docker's flag of content trust, which nobody checks any
// more. Who asks for it, by the flag or by DOCKER_CONTENT_TRUST, is told so
// rather than given what nobody has checked.
func (s *Session) InstallTrust(fs *pflag.FlagSet) {
	asked, _ := s.Getenv("DOCKER_CONTENT_TRUST")
	v := &trust{}
	v.asked, _ = strconv.ParseBool(asked)
	f := fs.VarPF(v, "disable-content-trust", "", "Skip image verification (deprecated)")
	f.NoOptDefVal, f.Hidden = "true", true
}

type trust struct{ asked bool }

func (t *trust) String() string { return strconv.FormatBool(!t.asked) }
func (t *trust) Type() string   { return "bool" }

// Set notes whether content trust is asked for; checkTrust refuses it.
func (t *trust) Set(s string) error {
	off, err := strconv.ParseBool(s)
	t.asked = !off
	return err
}

func checkTrust(cmd *cobra.Command) error {
	f := cmd.Flags().Lookup("disable-content-trust")
	if f == nil {
		return nil
	}
	if t, ok := f.Value.(*trust); ok && t.asked {
		return fault.New(fault.Unsupported, "content trust is not supported: leave DOCKER_CONTENT_TRUST unset, or give --disable-content-trust")
	}
	return nil
}
