package hostfuncs

import "math"

// Gas prices of host calls, in the unit of the instrumenter: a third to half a
// nanosecond of a compiled guest. They are consensus parameters, part of the
// kernel's behaviour.
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
//	import                     base    per word             per slot, reference or record
//	read, answer, bundle_read  150     1 of len
//	bundle_len                 150
//	send                       6,000   32 of body           1,000 a slot
//	subscribe                  3,000
//	resolve                    500     32 of bodies         5,000 a record, 1,000 a slot
//	exit                       2,000   32 of body           1,000 a slot
//	vatstore_get               3,000   8 of key and value
//	vatstore_set               5,000   32 of key and value
//	vatstore_delete            5,000   8 of key
//	vatstore_next_key          4,000   8 of prior and key
//	drop_imports               500                          1,500 a reference
//	retire_*, abandon_exports  500                          3,000 a reference
//	call_now                   10,000  32 of body,          1,000 a slot, both ways
//	                                   8 of the answer
//	fault                      150     1 of what is kept
//	console.log                300     (one constant, whatever the arguments)
//	random_get                 150     1 of len
//	fd_write                   300                          4 an iovec
//	poll_oneoff                300                          50 a subscription
//	other WASI                 150
//
// They follow what the host has to do by the end of the crank, not only in the
// call: what goes into the kernel's log is translated, hashed and stored, and a
// reference is looked up and may change rows in two tables.
const (
	gasCrossing     = 150 // entering and leaving the host, and little else
	gasCopyWord     = 1
	gasSend         = 6000
	gasSubscribe    = 3000
	gasResolve      = 500
	gasRecord       = 5000
	gasExit         = 2000
	gasLogWord      = 32
	gasSlot         = 1000
	gasGet          = 3000
	gasSet          = 5000
	gasDelete       = 5000
	gasNextKey      = 4000
	gasReadWord     = 8
	gasWriteWord    = 32
	gasList         = 500
	gasDrop         = 1500
	gasRetire       = 3000
	gasCallNow      = 10_000
	gasConsole      = 300
	gasFDWrite      = 300
	gasIOVec        = 4
	gasPoll         = 300
	gasSubscription = 50
)

// words returns the number of eight-byte words that n bytes take.
func words(n uint64) uint64 { return (n + 7) / 8 }

// charge takes price from the guest's gas and returns a guest fault if that
// leaves it below zero. Prices stay below 2^60: counts are below 2^33, prices
// of a unit below 2^14.
func (g *Guest) charge(price uint64) error {
	gas := int64(g.gas.Get())
	if gas < math.MinInt64+int64(price) {
		gas = math.MinInt64
	} else {
		gas -= int64(price)
	}
	g.gas.Set(uint64(gas))
	if gas < 0 {
		return g.outOfGas(g.imp.title)
	}
	return nil
}

// chargeData charges for a body that goes into the kernel's log with its slots.
func (g *Guest) chargeData(bodyLen, slotCount uint64) error {
	return g.charge(words(bodyLen)*gasLogWord + slotCount*gasSlot)
}
