// Asks a model server with the client of Go's library, which keeps the connection and takes compressed answers.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	for time := 0; time < 2; time++ {
		answer, err := http.Post(os.Args[1], "application/json", strings.NewReader(os.Args[2]))
		if err != nil {
			panic(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			panic(err)
		}
		answer.Body.Close()
		fmt.Println(string(body))
	}
}
