// Package state is the daemon's durable memory: one bbolt file, JSON values,
// group commit.
//
// The tree:
//
//	containers/<id>   container.record  (JSON)
//	asks/<id>         what a user asked of a run whose end is not recorded
//	departures/<id>   a removal that may not be over  (JSON)
//	volumes/<name>    volume.record     (JSON)
//
// Writers describe what to write as data and wait for the disk; those that
// come while a transaction is being synced share the next one.
package state

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Op is one write: Value under Key in Bucket, or the key's removal when Value is nil.
type Op struct {
	Bucket, Key string
	Value       []byte
}

// Store is the open file. Its methods may be called from any goroutine.
type Store struct {
	db      *bbolt.DB
	pending chan commit
	late    late
	stop    chan struct{}
	done    chan struct{}
}

type commit struct {
	ops    []Op
	result chan error
}

// Open opens or makes the file. Another process that has it open makes it
// fail after a second.
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o711); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:        time.Second,
		NoFreelistSync: true,
		FreelistType:   bbolt.FreelistMapType,
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s := &Store{db: db, pending: make(chan commit, 64), stop: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s, nil
}

// Close waits for the commits under way and closes the file.
func (s *Store) Close() error {
	close(s.stop)
	<-s.done
	return s.db.Close()
}

// Commit writes all ops or none and returns when they are on the disk.
func (s *Store) Commit(ops ...Op) error {
	c := commit{ops: ops, result: make(chan error, 1)}
	select {
	case s.pending <- c:
	case <-s.done:
		return berrors.ErrDatabaseNotOpen
	}
	select {
	case err := <-c.result:
		return err
	case <-s.done: // closed under us: the last batch may still have answered
		select {
		case err := <-c.result:
			return err
		default:
			return berrors.ErrDatabaseNotOpen
		}
	}
}

// Each calls fn for every key of a bucket in the keys' order. The value is
// only valid during the call.
func (s *Store) Each(bucket string, fn func(key string, value []byte) error) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, v []byte) error { return fn(string(k), v) })
	})
}

// run is the only writer: it takes all commits that are waiting into one transaction.
func (s *Store) run() {
	defer close(s.done)
	for {
		select {
		case first := <-s.pending:
			s.write(s.gather(first))
		case <-s.stop:
			for {
				select {
				case first := <-s.pending:
					s.write(s.gather(first))
				default:
					return
				}
			}
		}
	}
}

func (s *Store) gather(first commit) []commit {
	batch := []commit{first}
	for {
		select {
		case c := <-s.pending:
			batch = append(batch, c)
		default:
			return batch
		}
	}
}

// write commits a batch; when it fails each commit is tried alone, so that one
// that cannot be written does not fail its neighbours.
func (s *Store) write(batch []commit) {
	first := s.late.all()
	all := slices.Clone(first)
	for _, c := range batch {
		all = append(all, c.ops...)
	}
	err := s.update(all)
	written := err == nil
	for _, c := range batch {
		if err != nil && len(batch) > 1 {
			alone := s.update(append(slices.Clone(first), c.ops...))
			written = written || alone == nil
			c.result <- alone
			continue
		}
		c.result <- err
	}
	if written {
		s.late.drop(len(first))
	}
}

func (s *Store) update(ops []Op) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, op := range ops {
			b, err := tx.CreateBucketIfNotExists([]byte(op.Bucket))
			if err != nil {
				return err
			}
			if op.Value == nil {
				err = b.Delete([]byte(op.Key))
			} else {
				err = b.Put([]byte(op.Key), op.Value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
