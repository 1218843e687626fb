# What people do here. `make help` lists it.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
EXCHANGE    = examples/exchange

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the command into bin/
	go build -o bin/crankcase ./cmd/crankcase

.PHONY: test
test: ## run all tests
	go test ./...

.PHONY: lint
lint: ## go vet and staticcheck
	go vet ./...
	go run $(STATICCHECK) ./...

.PHONY: wasmtime
wasmtime: ## vet, lint and test the wasmtime engine, a module of its own
	cd runtime/wasmtimeengine && go vet ./... && go run $(STATICCHECK) ./... && go test ./...

.PHONY: exchange
exchange: ## run the exchange to the end, in exchange.db
	go run ./cmd/crankcase run $(EXCHANGE)/crankcase.json --messages $(EXCHANGE)/orders.jsonl --db exchange.db

.PHONY: bench
bench: ## what a delivery costs, with the floor beside it
	go test ./bench -run '^$$' -bench . -benchtime 1x

.PHONY: guests
guests: ## rebuild the C guests (clang-14, lld-14)
	sh guests/build.sh

.PHONY: guests-check
guests-check: ## rebuild the C guests and compare them with the committed ones
	sh guests/build.sh --check

.PHONY: fuzz
fuzz: ## fuzz each decoder for FUZZTIME (default 30s)
	./scripts/fuzz.sh $(or $(FUZZTIME),30s)

.PHONY: scenarios-live
scenarios-live: ## compare with the live oracle: ORACLE=folder of oracle.mjs [N=100] [SEED=1]
	ORACLE="$(ORACLE)" go run ./scenario/live -n $(or $(N),100) -seed $(or $(SEED),1)

.PHONY: ci
ci: ## all that has to hold for a change
	bash .ci/run
