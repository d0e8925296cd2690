package record

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
)

// IDLength is the number of hexadecimal digits of an ID.
const IDLength = 64

// NewID returns 64 random hexadecimal digits whose first twelve are not all
// decimal, so that a short ID is never taken for a number.
func NewID() string {
	for {
		b := make([]byte, IDLength/2)
		rand.Read(b)
		id := hex.EncodeToString(b)
		if _, err := strconv.ParseInt(id[:12], 10, 64); err != nil {
			return id
		}
	}
}
