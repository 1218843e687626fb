// Package exchange is an example: an asset issuer, an order-matching exchange
// and three traders, in C and Go, as vats. See README.md.
package exchange

//go:generate go run ./gen -seed 1 -count 10000 -o orders.jsonl
