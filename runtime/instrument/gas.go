package instrument

// Prices, in gas. On a present machine, compiled code runs at 3 to 12 gas a
// nanosecond, so that 10^9 gas take 100 to 300 ms. Prices are part of Version.
const (
	priceFree         = 0
	priceSimple       = 1
	priceLoop         = 1 // each turn of a loop
	priceMul          = 2
	priceDiv32        = 8
	priceDiv64        = 16
	priceLoad         = 2
	priceStore        = 2
	priceBrTable      = 4
	priceCall         = 6
	priceCallIndirect = 12
	priceFloatSign    = 1
	priceFloatCompare = 2
	priceFloat        = 4
	priceFloatDiv     = 12
	priceConvert      = 2
	priceTrunc        = 4
	priceBulk         = 24
	priceGrow         = 128

	// priceEntry is charged for entering a function, and 1 more for each
	// localsPerGas locals, which engines set to zero.
	priceEntry   = 2
	localsPerGas = 4

	// bulkBytesShift: memory.copy, fill and init cost 1 gas for every 2^2
	// bytes, rounded down, charged before they run, also if they then trap.
	bulkBytesShift = 2

	// pricePage is charged for each page that memory.grow adds, if it is
	// within the limit: a gas a byte. It is for the first touch of the memory,
	// which the host pays in page faults.
	pricePage = 65_536
)

// A Price is a row of the gas schedule.
type Price struct {
	Instructions string // names, or a description of a group
	Gas          uint64
	Per          string // what the price is for: "each", "page", ...
}

// PriceTable returns the gas schedule of this Version, for documents and tests.
// The caller owns the slice.
func PriceTable() []Price {
	return []Price{
		{"nop, unreachable, block, else, end, drop", priceFree, "each"},
		{"constants; local.get, local.set, local.tee; select; br, br_if, if, return; integer operations and conversions not named below; reinterpretations", priceSimple, "each"},
		{"loop", priceLoop, "turn"},
		{"i32.mul, i64.mul", priceMul, "each"},
		{"i32.div_s, i32.div_u, i32.rem_s, i32.rem_u", priceDiv32, "each"},
		{"i64.div_s, i64.div_u, i64.rem_s, i64.rem_u", priceDiv64, "each"},
		{"loads, global.get, memory.size", priceLoad, "each"},
		{"stores, global.set", priceStore, "each"},
		{"br_table", priceBrTable, "each"},
		{"call", priceCall, "each; what a host function charges comes on top"},
		{"call_indirect", priceCallIndirect, "each"},
		{"function entry", priceEntry, "call"},
		{"declared locals", 1, "4 locals of the function called, rounded down"},
		{"abs, neg, copysign of f32 and f64", priceFloatSign, "each"},
		{"float comparisons", priceFloatCompare, "each"},
		{"add, sub, mul, min, max, ceil, floor, trunc, nearest of f32 and f64; f32.demote_f64, f64.promote_f32", priceFloat, "each"},
		{"div, sqrt of f32 and f64", priceFloatDiv, "each"},
		{"integer to float", priceConvert, "each"},
		{"float to integer, trapping or saturating", priceTrunc, "each"},
		{"memory.copy, memory.fill, memory.init", priceBulk, "each"},
		{"memory.copy, memory.fill, memory.init", 1, "4 bytes of the length, rounded down"},
		{"memory.grow", priceGrow, "each"},
		{"memory.grow", pricePage, "page asked for within the limit"},
	}
}
