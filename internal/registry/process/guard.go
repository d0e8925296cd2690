package process

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"berth/internal/registry/access"
)

// rules are the policy that holds now.
type rules struct {
	file string // "" for none
	now  atomic.Pointer[access.Policy]
}

// read reads the file; what was read before holds if that fails.
func (r *rules) read() error {
	var p access.Policy
	if r.file != "" {
		var err error
		if p, err = access.ReadPolicy(r.file); err != nil {
			return err
		}
	}
	r.now.Store(&p)
	return nil
}

func (r *rules) get() access.Policy { return *r.now.Load() }

func (r *rules) quota(repo string) int64 { return r.get().Quota(repo) }

// guard makes the guard that the flags ask for; nil if everybody may do everything.
func guard(o Options, r *rules) (*access.Guard, error) {
	s := o.Security
	if s.Passwords == "" && s.Policy == "" {
		return nil, nil
	}
	g := &access.Guard{Policy: r.get}
	var err error
	if s.Passwords != "" {
		if g.Passwords, err = access.ReadPasswords(s.Passwords); err != nil {
			return nil, err
		}
	}
	if s.Tokens {
		g.Tokens = &access.Tokens{Service: "berth-registry", URL: s.TokenURL}
		g.Tokens.Key, err = tokenKey(filepath.Join(o.Data, "token.key"))
	}
	return g, err
}

// tokenKey is what tokens are signed with: made once, so that those of before a
// restart go on.
func tokenKey(file string) ([]byte, error) {
	key, err := os.ReadFile(file)
	if err == nil && len(key) == 32 {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it ends the program instead
	// A crash leaves another one to be made, and clients ask for tokens again.
	return key, os.WriteFile(file, key, 0o600)
}
