// Package capdata holds the words that vats and the kernel speak: references
// in their two name spaces (Vref, Kref), capdata (an opaque body and a list of
// references), the little-endian wire form of the guest ABI, and, for hosts,
// the smallcaps encoding of bodies.
//
// Its functions keep no state and are safe for concurrent use.
package capdata

// Data is capdata: a body that the kernel does not interpret, and the
// references that the body mentions by position. R is Vref inside a vat and
// Kref inside the kernel. The slices belong to whoever made the Data unless a
// function says otherwise.
type Data[R ~uint64] struct {
	Body  []byte
	Slots []R
}

// CapData is capdata as a vat names things.
type CapData = Data[Vref]

// KernelData is capdata as the kernel names things.
type KernelData = Data[Kref]

// Settlement says how a promise settled.
type Settlement uint32

const (
	// Fulfilled with data.
	Fulfilled Settlement = 0
	// Rejected with data.
	Rejected Settlement = 1
	// ToObject: fulfilled with the object that is the only slot; messages to
	// the promise are routed to it.
	ToObject Settlement = 2
)

// Resolution is one promise's settlement in a resolve or a notify.
type Resolution struct {
	Promise Vref
	How     Settlement
	Data    CapData
}

// DeliveryKind is the kind of a delivery, the first argument of a guest's
// crankcase_deliver.
type DeliveryKind uint32

const (
	StartVat         DeliveryKind = 1
	Message          DeliveryKind = 2
	Notify           DeliveryKind = 3
	DropExports      DeliveryKind = 4
	RetireExports    DeliveryKind = 5
	RetireImports    DeliveryKind = 6
	BringOutYourDead DeliveryKind = 7
)

var deliveryNames = [...]string{"", "startVat", "message", "notify", "dropExports", "retireExports", "retireImports", "bringOutYourDead"}

// String returns SwingSet's name of the delivery.
func (k DeliveryKind) String() string {
	if k >= 1 && int(k) < len(deliveryNames) {
		return deliveryNames[k]
	}
	return "unknown"
}
