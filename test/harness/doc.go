//go:build linux

// Package harness starts real daemons for tests and drives them with the stock
// docker client, with our own, and over the API. Whatever a daemon of a test
// takes from the host it must give back: every daemon is looked over at the
// test's end, and anything that stays behind fails the test.
//
// Several daemons, also of several test processes, live side by side: each has
// a directory, a bridge, a subnet, a control group and a range of ports of
// its own, all of them numbered by a lane that a test process reserves.
package harness
