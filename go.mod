module github.com/crankcase/crankcase

go 1.26
