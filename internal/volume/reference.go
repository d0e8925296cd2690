//go:build linux

package volume

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"berth/internal/fault"
)

// A plugin counts who has a volume mounted by the IDs that it is told. Its count and ours
// have to agree whatever becomes of the two processes, so each ID is noted on the disk
// before the plugin hears of it, and forgotten after the plugin has taken it back:
// <home>/mounts/<user> holds the directory that the plugin has answered, or nothing yet.
// A note that a daemon finds when it starts is of a container that runs, which says so
// (Mount, before Sweep), or the plugin is owed an Unmount.

// references are the mounts that plugins were asked for, by volume and user.
type references struct {
	turns   names
	mu      sync.Mutex
	of      map[[2]string]*reference
	settled bool // those who run have said so
	paying  bool // somebody pays what plugins are owed
	ended   bool
	closed  chan struct{} // when it has ended
}

// reference is one of them. Who has its turn may look at it, also while the plugin is asked.
type reference struct {
	dir  string
	held bool // by a user; if not, the plugin is owed an Unmount
	owed bool
}

// payAgain are the shortest and longest times between two tries to pay what is owed.
const (
	payAgain = time.Second
	payLater = 30 * time.Second
)

func (r *references) isSettled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.settled
}

// take waits for the turn of a reference.
func (r *references) take(volume, user string) (of *reference, giveBack func()) {
	giveBack = r.turns.lock(volume + "\x00" + user)
	r.mu.Lock()
	defer r.mu.Unlock()
	key := [2]string{volume, user}
	if r.of[key] == nil {
		r.of[key] = &reference{}
	}
	return r.of[key], giveBack
}

// read takes in what an earlier daemon has noted of a volume.
func (r *references) read(v *Volume, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // it has never been mounted
	}
	for _, e := range entries {
		user, err := url.PathUnescape(e.Name())
		at, errAt := os.ReadFile(filepath.Join(dir, e.Name()))
		if err == nil && errAt == nil && !strings.HasSuffix(e.Name(), newSuffix) {
			r.of[[2]string{v.Name, user}] = &reference{dir: string(at), owed: true}
		}
	}
}

// alone reports whether nobody but me has a volume mounted.
func (r *references) alone(volume, me string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.of {
		if key[0] == volume && key[1] != me {
			return false
		}
	}
	return true
}

// drop forgets the references to a volume that is gone.
func (r *references) drop(volume string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.of {
		if key[0] == volume {
			delete(r.of, key)
		}
	}
}

// referring is a service as seen by its plugins' mounts.
type referring struct{ Foreign }

// mount is Mount for a plugin's volume.
func (s referring) mount(v *Volume, user string) (string, error) {
	r, giveBack := s.references.take(v.Name, user)
	defer giveBack()
	if r.owed && r.dir != "" && !s.references.isSettled() {
		r.held, r.owed = true, false
	}
	if r.held {
		s.knowDir(v.Name, r.dir)
		return r.dir, nil
	}
	driver, err := s.driver(v.Driver)
	if err == nil && r.owed {
		if err = s.pay(driver, v, user, r); !fault.Is(err, fault.Unavailable) {
			err = nil
		}
	}
	if err == nil {
		err = s.note(v, user, "")
	}
	if err == nil {
		err = s.ask(driver, v, user, r)
	}
	return r.dir, fault.Wrap(fault.KindOf(err), err, "error while mounting volume '%s'", v.Name)
}

// ask has the plugin mount. Whoever gets no answer does not know whether it has.
func (s referring) ask(driver Driver, v *Volume, user string, r *reference) error {
	dir, err := driver.Mount(v.Name, mountID(user))
	if err == nil && !filepath.IsAbs(dir) {
		r.owed = true
		s.payLaterOn()
		return fault.New(fault.Internal, "the driver %s mounts it at %q, which is no directory's absolute path", v.Driver, dir)
	}
	switch {
	case err == nil:
		r.dir, r.held = dir, true
		s.knowDir(v.Name, dir)
		return s.note(v, user, dir)
	case fault.Is(err, fault.Unavailable):
		r.owed = true
		s.payLaterOn()
		return err
	}
	return errors.Join(err, s.forget(v, user))
}

// unmount is Unmount for a plugin's volume. A daemon that starts only notes that
// this is to be done, and waits for nobody.
func (s referring) unmount(v *Volume, user string) error {
	r, giveBack := s.references.take(v.Name, user)
	defer giveBack()
	if !r.held && !r.owed {
		return s.forget(v, user)
	}
	r.held, r.owed, r.dir = false, true, ""
	if !s.references.isSettled() {
		return s.note(v, user, "")
	}
	driver, err := s.driver(v.Driver)
	if err == nil {
		err = s.pay(driver, v, user, r)
	}
	if r.owed {
		s.payLaterOn()
	}
	return fault.Wrap(fault.KindOf(err), err, "error while unmounting volume '%s'", v.Name)
}

// pay has the plugin unmount what it is owed for. An answer is final, whatever it is: a
// plugin that has started anew knows nothing of it.
func (s referring) pay(driver Driver, v *Volume, user string, r *reference) error {
	err := driver.Unmount(v.Name, mountID(user))
	if fault.Is(err, fault.Unavailable) {
		return err
	}
	r.owed, r.dir = false, ""
	err = errors.Join(err, s.forget(v, user))
	if s.references.alone(v.Name, user) {
		s.knowDir(v.Name, "")
	}
	return err
}

// payLaterOn tries to pay what plugins are owed until nothing is.
func (s referring) payLaterOn() {
	s.references.mu.Lock()
	defer s.references.mu.Unlock()
	if s.references.paying || !s.references.settled || s.references.ended {
		return
	}
	s.references.paying = true
	s.trash.Go(func() {
		for wait := payAgain; ; wait = min(2*wait, payLater) {
			select {
			case <-s.references.closed:
				return
			case <-time.After(wait):
			}
			if s.payAll() {
				return
			}
		}
	})
}

// payAll pays what can be paid now; true when nothing is owed any more.
func (s referring) payAll() bool {
	left := 0
	for _, key := range s.references.keys() {
		v, err := s.Get(key[0])
		if err != nil {
			continue
		}
		r, giveBack := s.references.take(key[0], key[1])
		if r.owed {
			if driver, err := s.driver(v.Driver); err != nil || fault.Is(s.pay(driver, &v, key[1], r), fault.Unavailable) {
				left++
			}
		}
		giveBack()
	}
	s.references.mu.Lock()
	defer s.references.mu.Unlock()
	if left == 0 {
		s.references.paying = false
	}
	return left == 0
}

func (r *references) keys() [][2]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := make([][2]string, 0, len(r.of))
	for key := range r.of {
		keys = append(keys, key)
	}
	return keys
}

// settle ends the time in which those who run say so.
func (s referring) settle() {
	s.references.mu.Lock()
	s.references.settled = true
	s.references.mu.Unlock()
	s.payLaterOn()
}

// close ends the tries to pay.
func (r *references) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.ended = true
		close(r.closed)
	}
}

// knowDir notes where a volume's data is, for those who look.
func (s referring) knowDir(name, dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.volumes[name]; v != nil && v.Dir != dir {
		moved := *v
		moved.Dir = dir
		s.volumes[name] = &moved
	}
}

// mountID is what a plugin is told: a container's ID, and for others one that looks alike.
func mountID(user string) string {
	if p, err := hex.DecodeString(user); err == nil && len(p) == sha256.Size {
		return user
	}
	sum := sha256.Sum256([]byte(user))
	return hex.EncodeToString(sum[:])
}

func (s referring) file(v *Volume, user string) string {
	return filepath.Join(home(s.root, v.Name), mountsDir, url.PathEscape(user))
}

func (s referring) note(v *Volume, user, dir string) error {
	file := s.file(v, user)
	err := os.Mkdir(filepath.Dir(file), 0o700)
	if err == nil || errors.Is(err, os.ErrExist) {
		err = os.WriteFile(file+newSuffix, []byte(dir), 0o600)
	}
	if err == nil {
		err = os.Rename(file+newSuffix, file)
	}
	return fault.Wrap(fault.Internal, err, "that the plugin is asked cannot be written down")
}

// forget forgets a reference that the plugin has taken back, or never had.
func (s referring) forget(v *Volume, user string) error {
	s.references.mu.Lock()
	delete(s.references.of, [2]string{v.Name, user})
	s.references.mu.Unlock()
	if err := os.Remove(s.file(v, user)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault.Wrap(fault.Internal, err, "that the plugin was asked cannot be forgotten")
	}
	return nil
}
