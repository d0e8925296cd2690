package access

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"berth/internal/fault"

	"golang.org/x/crypto/bcrypt"
)

const (
	// remembered is how long a right password is right without being tried again:
	// clients send theirs with every request, and bcrypt is made to be slow.
	remembered = 5 * time.Minute
	// rememberedAtMost bounds the memory that this takes.
	rememberedAtMost = 10_000
)

// Passwords are the users of an htpasswd file. The file is read again when it changes.
type Passwords struct {
	file string
	// trying bounds how many hashes are made at once: they take a whole processor each.
	trying chan struct{}
	key    [32]byte // of what is remembered

	mu     sync.Mutex
	stamp  stamp
	hashes map[string][]byte
	dummy  []byte // is compared for users that are not there, which takes as long
	known  map[[32]byte]time.Time
}

// stamp is by what a change of a file is noticed.
type stamp struct {
	time time.Time
	size int64
}

// ReadPasswords reads an htpasswd file.
func ReadPasswords(file string) (*Passwords, error) {
	p := &Passwords{file: file, trying: make(chan struct{}, max(runtime.GOMAXPROCS(0)-1, 1)), known: map[[32]byte]time.Time{}}
	_, _ = rand.Read(p.key[:]) // never fails: it ends the program instead
	p.mu.Lock()
	defer p.mu.Unlock()
	return p, p.refresh()
}

// refresh reads the file if it has changed. The caller holds the lock.
func (p *Passwords) refresh() error {
	info, err := os.Stat(p.file)
	if err != nil {
		return err
	}
	now := stamp{info.ModTime(), info.Size()}
	if p.hashes != nil && now == p.stamp {
		return nil
	}
	b, err := os.ReadFile(p.file)
	if err != nil {
		return err
	}
	hashes, err := parsePasswords(b)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "%s", p.file)
	}
	cost := bcrypt.MinCost
	for _, hash := range hashes {
		if c, err := bcrypt.Cost(hash); err == nil {
			cost = max(cost, c)
		}
	}
	dummy, err := bcrypt.GenerateFromPassword(p.key[:16], cost)
	if err != nil {
		return err
	}
	p.stamp, p.hashes, p.dummy = now, hashes, dummy
	clear(p.known)
	return nil
}

// parsePasswords reads lines of "user:hash". Only bcrypt is taken: the other
// hashes of htpasswd are guessed in no time.
func parsePasswords(b []byte) (map[string][]byte, error) {
	found := map[string][]byte{}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		user, hash, ok := strings.Cut(line, ":")
		if !ok || user == "" {
			return nil, fault.New(fault.Invalid, "Line %d is not user:hash", n)
		}
		if _, err := bcrypt.Cost([]byte(hash)); err != nil {
			return nil, fault.New(fault.Invalid, "Line %d has no bcrypt hash: it is made by htpasswd -B", n)
		}
		found[user] = []byte(hash)
	}
	return found, lines.Err()
}

// Right reports whether a password is the user's.
func (p *Passwords) Right(ctx context.Context, user, password string) (bool, error) {
	sum := p.sum(user, password)
	hash, known, err := p.look(user, sum)
	if err != nil || known {
		return known, err
	}
	is := hash != nil
	if !is {
		hash = p.dummyHash()
	}
	select {
	case p.trying <- struct{}{}:
		defer func() { <-p.trying }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || !is {
		return false, nil
	}
	p.remember(sum, user, hash)
	return true, nil
}

func (p *Passwords) sum(user, password string) (sum [32]byte) {
	mac := hmac.New(sha256.New, p.key[:])
	mac.Write([]byte(user + "\x00" + password))
	mac.Sum(sum[:0])
	return sum
}

func (p *Passwords) look(user string, sum [32]byte) (hash []byte, known bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refresh(); err != nil {
		return nil, false, err
	}
	return p.hashes[user], time.Now().Before(p.known[sum]), nil
}

func (p *Passwords) dummyHash() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dummy
}

// remember keeps a right password's sum, unless the file has changed meanwhile.
func (p *Passwords) remember(sum [32]byte, user string, hash []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !bytes.Equal(p.hashes[user], hash) {
		return
	}
	if len(p.known) >= rememberedAtMost {
		clear(p.known)
	}
	p.known[sum] = time.Now().Add(remembered)
}
