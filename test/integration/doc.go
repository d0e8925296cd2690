// Package integration has the tests that drive real daemons from outside, as
// users do: every step with our own client and with the stock docker client.
package integration
