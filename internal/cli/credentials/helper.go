package credentials

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
)

// helper is the name of a credential helper, "" for none: the program
// docker-credential-NAME, which is asked by a verb and standard input.
type helper string

// secret is what helpers take and give.
type secret struct{ ServerURL, Username, Secret string }

// tokenUser is the name by which helpers keep a token.
const tokenUser = "<token>"

func (h helper) program() string { return "docker-credential-" + string(h) }

// run asks the helper. What it says when it fails is on its standard output.
func (h helper) run(verb string, in []byte) (out string, err error) {
	cmd := exec.Command(h.program(), verb) // #nosec G204 -- the user's own configuration names it
	cmd.Stdin = bytes.NewReader(in)
	b, err := cmd.Output()
	return strings.TrimSpace(string(b)), err
}

func (h helper) get(server string) (Login, error) {
	out, err := h.run("get", []byte(server))
	if err != nil {
		if strings.HasPrefix(out, "credentials not found") {
			return Login{Server: server}, nil
		}
		return Login{}, failure("getting", err, out)
	}
	var s secret
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		return Login{}, fmt.Errorf("%s answers with something else than credentials: %w", h.program(), err)
	}
	if s.Username == tokenUser {
		return Login{Server: server, Token: s.Secret}, nil
	}
	return Login{Server: server, User: s.Username, Password: s.Secret}, nil
}

func (h helper) put(l Login) error {
	s := secret{l.Server, l.User, l.Password}
	if l.Token != "" {
		s.Username, s.Secret = tokenUser, l.Token
	}
	in, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if out, err := h.run("store", in); err != nil {
		return failure("storing", err, out)
	}
	return nil
}

func (h helper) remove(server string) error {
	if out, err := h.run("erase", []byte(server)); err != nil {
		return failure("erasing", err, out)
	}
	return nil
}

func failure(doing string, err error, out string) error {
	return fmt.Errorf("error %s credentials - err: %w, out: `%s`", doing, err, out)
}

// usual is the helper of this system, "" where it is not installed.
func (s *Store) usual() string {
	var name string
	switch runtime.GOOS {
	case "darwin":
		name = "osxkeychain"
	case "windows":
		name = "wincred"
	case "linux":
		name = "secretservice"
		if s.find("pass") == nil {
			name = "pass"
		}
	}
	if name == "" || s.find(helper(name).program()) != nil {
		return ""
	}
	return name
}

func inPath(program string) error {
	_, err := exec.LookPath(program)
	return err
}
