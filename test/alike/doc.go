// Package alike compares our client with the stock docker client, command by
// command: what they print, what they say of failures, and how they end. Both
// talk to the same daemon, a dockerd of Debian's and one of ours.
package alike
