//go:build !linux

package archive

import (
	"archive/tar"
	"fmt"
	"os"
)

// node refuses what only Linux has in the form that a container's tar names it.
func (u *unpacker) node(at string, _ *tar.Header) error {
	return fmt.Errorf("%q is a device or a pipe, which cannot be made here", u.local(at))
}

// linkTimes leaves the times of a link as they are: there is no call that every
// system has for them.
func (u *unpacker) linkTimes(string, *tar.Header) error { return nil }

func setAttributes(*os.File, *tar.Header) error { return nil }

func (p *packer) attributes(string, *tar.Header) error { return nil }
