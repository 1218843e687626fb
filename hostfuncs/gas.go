package hostfuncs

import "math"

// Gas prices of host calls, in the unit of the instrumenter: about one simple
// instruction of compiled guest code, roughly a nanosecond on a slow machine.
// They are consensus parameters.
//
// A call pays in steps, each before the work that it pays for:
//
//  1. its base price on entry, whatever the arguments;
//  2. when all limits and ranges of its arguments have been found good, the
//     price of their sizes (a resolve pays for its records there, and for a
//     record's body and slots when it comes to that record);
//  3. where the host answers (vatstore_get, vatstore_next_key, call_now), the
//     price of the whole answer's size, as soon as that is known and before
//     any of it is copied, whether the guest fetches it or not.
//
// A step that takes the gas below zero ends the delivery as out of gas. An
// argument that is wrong is therefore told as such even if the guest could not
// have paid for the size that it gave.
//
// Sizes in bytes are priced by words of eight bytes, rounded up.
//
//	import                     base    per word         per slot, reference or record
//	read, answer, bundle_read  60      1 of len
//	bundle_len                 60
//	send                       2,000   8 of body        200 a slot
//	subscribe                  1,000
//	resolve                    500     8 of bodies      2,000 a record, 200 a slot
//	exit                       1,000   8 of body        200 a slot
//	vatstore_get               2,000   2 of key, value
//	vatstore_set               4,000   16 of key, value
//	vatstore_delete            4,000   2 of key
//	vatstore_next_key          3,000   2 of prior, key
//	drop_imports               500                      500 a reference
//	retire_*, abandon_exports  500                      1,500 a reference
//	call_now                   5,000   8 of body,       200 a slot, both ways
//	                                   2 of the answer
//	fault                      60      1 of what is kept
//	console.log                100     (one constant, whatever the arguments)
//	random_get                 60      1 of len
//	fd_write                   100                      2 an iovec
//	poll_oneoff                100                      20 a subscription
//	other WASI                 60
//
// What goes into the kernel's log and the store costs more than what is copied
// between guest and host; a reference is looked up and may be written in two
// tables.
const (
	gasCrossing   = 60 // entering and leaving the host, and little else
	gasCopyWord   = 1
	gasSend       = 2000
	gasSubscribe  = 1000
	gasResolve    = 500
	gasRecord     = 2000
	gasExit       = 1000
	gasLogWord    = 8
	gasSlot       = 200
	gasGet        = 2000
	gasSet        = 4000
	gasDelete     = 4000
	gasNextKey    = 3000
	gasStoreWord  = 2
	gasWriteWord  = 16
	gasList       = 500
	gasDrop       = 500
	gasRetire     = 1500
	gasCallNow    = 5000
	gasConsole    = 100
	gasFDWrite    = 100
	gasIOVec      = 2
	gasPoll       = 100
	gasSubscripts = 20
)

// words returns the number of eight-byte words that n bytes take.
func words(n uint64) uint64 { return (n + 7) / 8 }

// charge takes price from the guest's gas and returns a guest fault if that
// leaves it below zero. Prices stay below 2^60: sizes are below 2^33, prices
// per unit below 2^12.
func (g *Guest) charge(price uint64) error {
	gas := int64(g.gas.Get())
	if gas < math.MinInt64+int64(price) {
		gas = math.MinInt64
	} else {
		gas -= int64(price)
	}
	g.gas.Set(uint64(gas))
	if gas < 0 {
		return g.outOfGas(g.imp.name)
	}
	return nil
}

// chargeData charges for a body that goes into the kernel's log with its slots.
func (g *Guest) chargeData(bodyLen, slotCount uint64) error {
	return g.charge(words(bodyLen)*gasLogWord + slotCount*gasSlot)
}
