package latchkey

import (
	"context"
	"net"
	"net/http"
)

type principalKey struct{}

// Middleware lets requests with a good key through to next, which finds it by PrincipalFrom.
func (l *Latchkey) Middleware(next http.Handler) http.Handler {
	return l.Require()(next)
}

// Require is Middleware that asks more of a key.
func (l *Latchkey) Require(options ...Option) func(next http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			address, _, err := net.SplitHostPort(r.RemoteAddr)
			if err != nil {
				address = "unknown"
			}
			principal, err := l.Verify(r.Context(), r.Header, append([]Option{From(address)}, options...)...)
			if err != nil {
				err.(*Refusal).ServeHTTP(w, r)
				return
			}
			for name, values := range principal.Limits {
				w.Header()[name] = values
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, principal)))
		})
	}
}

// PrincipalFrom is the good key of a request that came through the middleware; nil elsewhere.
func PrincipalFrom(ctx context.Context) *Principal {
	principal, _ := ctx.Value(principalKey{}).(*Principal)
	return principal
}
