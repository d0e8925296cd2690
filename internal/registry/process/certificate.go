package process

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// looking is how often the files of a certificate are looked at, while clients come.
const looking = time.Second

// certificate is a certificate in files that somebody renews.
type certificate struct {
	cert, key string
	log       io.Writer

	mu     sync.Mutex
	loaded *tls.Certificate
	times  [2]time.Time
	looked time.Time
}

// readCertificate reads it for the first time, which has to succeed.
func readCertificate(cert, key string, log io.Writer) (*certificate, error) {
	c := &certificate{cert: cert, key: key, log: log}
	var err error
	if c.times, err = c.changed(); err != nil {
		return nil, err
	}
	loaded, err := tls.LoadX509KeyPair(cert, key)
	c.loaded = &loaded
	return c, err
}

func (c *certificate) changed() (times [2]time.Time, err error) {
	for i, file := range []string{c.cert, c.key} {
		info, err := os.Stat(file)
		if err != nil {
			return times, err
		}
		times[i] = info.ModTime()
	}
	return times, nil
}

// get is the certificate that holds now. One that cannot be read, or of which
// only a half has been written yet, leaves the one before.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < looking {
		return c.loaded, nil
	}
	c.looked = time.Now()
	times, err := c.changed()
	if err == nil && times == c.times {
		return c.loaded, nil
	}
	if err == nil {
		var next tls.Certificate
		if next, err = tls.LoadX509KeyPair(c.cert, c.key); err == nil {
			c.loaded, c.times = &next, times
			fmt.Fprintf(c.log, "the certificate %s was read again\n", c.cert)
			return c.loaded, nil
		}
	}
	fmt.Fprintf(c.log, "the certificate cannot be read again, and the one before holds: %v\n", err)
	return c.loaded, nil
}
