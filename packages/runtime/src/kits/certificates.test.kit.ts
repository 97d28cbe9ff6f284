// Certificates for tests, valid for 100 years; they protect nothing. Made with openssl:
//
//   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -keyout ca.key -out ca.pem \
//     -subj "/CN=Troupe test authority" -addext basicConstraints=critical,CA:TRUE
//   openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=…
//   openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 36500 -out server.pem \
//     -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1')
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Signed the server's and the client's. */
export const authority = `-----BEGIN CERTIFICATE-----
MIIBpzCCAU2gAwIBAgIUfMDA21QFOd2MSktm5g+Yn/NWTzQwCgYIKoZIzj0EAwIw
IDEeMBwGA1UEAwwVVHJvdXBlIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMzA3NDYy
NloYDzIxMjYxMDMwMDc0NjI2WjAgMR4wHAYDVQQDDBVUcm91cGUgdGVzdCBhdXRo
b3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT5A2XTIZYfILLfXKOgpOog
ZhqDq7ELJe83LHIVKJfCl7Y+YdtrCKveMa9HVg0aa+Duyor53VFuMzRkB6XBFPtU
o2MwYTAdBgNVHQ4EFgQUquCYhTADyUc7iFZ+k0hZ3fzZO6EwHwYDVR0jBBgwFoAU
quCYhTADyUc7iFZ+k0hZ3fzZO6EwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8E
BAMCAQYwCgYIKoZIzj0EAwIDSAAwRQIhANaIaHOg39rqY+AHyQch/DkVx6SdNb6z
lIWnJjn0vlvIAiBYGrXg6VNjFgd1/jjkID8Fb3Z8WSr3vFIjUEf5qioweA==
-----END CERTIFICATE-----
`

/** Signed nothing but itself. */
export const anotherAuthority = `-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUIU/SU0PlEQoR4q4mVf6+P6DzVBswCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRQW5vdGhlciBhdXRob3JpdHkwIBcNMjYxMTIzMDc0NjI2WhgP
MjEyNjEwMzAwNzQ2MjZaMBwxGjAYBgNVBAMMEUFub3RoZXIgYXV0aG9yaXR5MFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg+YQ62M844Hb4yStKhDFMhJlSwrHuCcK
CrQBiqff35iSeC1OVGz6O6ukGUw9OpDrdsftbRBdmQR+3oOIPqF4Z6NTMFEwHQYD
VR0OBBYEFGqdjHxOxRX3uMzg6tJNgrHN/bHTMB8GA1UdIwQYMBaAFGqdjHxOxRX3
uMzg6tJNgrHN/bHTMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIg
PykiSbAk6+DJG0TZ/AA4EEVFSEszOs2oznEqPyWL+pgCIQCU09s3RnHfpMAuDdmB
pq7pza+j4uqUaEWlossS8BkykA==
-----END CERTIFICATE-----
`

/** For localhost and 127.0.0.1. */
export const server = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBqzCCAVCgAwIBAgIUaQwHiNMjN80XvoC3yqwrUEIXouwwCgYIKoZIzj0EAwIw
IDEeMBwGA1UEAwwVVHJvdXBlIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMzA3NDYy
NloYDzIxMjYxMDMwMDc0NjI2WjAdMRswGQYDVQQDDBJ0cm91cGUtdGVzdC1zZXJ2
ZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR8NYGMrddJ9GAL46nCh8TYsOJW
UWCjxQiaepC20qgw5WebvpDuEngVrFI++C2imxM5B3NtGWPC9be+9i9AMc2So2kw
ZzAJBgNVHRMEAjAAMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAdBgNVHQ4E
FgQUV4C9jwHuLh/TTNylGrEdk91xkjMwHwYDVR0jBBgwFoAUquCYhTADyUc7iFZ+
k0hZ3fzZO6EwCgYIKoZIzj0EAwIDSQAwRgIhAIO0jA0U7ov7bBjSOyjal3XQUC/c
LBAPZCmVYXgf6avEAiEAv0RPwYNtXlX6UqCcU34vaMegUp8Q6a0gy+cD1uKr60k=
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8Bsw4z/zOzs8kcNb
CeyvIlWJvuEj3/hO+Nh8nQIiemahRANCAAR8NYGMrddJ9GAL46nCh8TYsOJWUWCj
xQiaepC20qgw5WebvpDuEngVrFI++C2imxM5B3NtGWPC9be+9i9AMc2S
-----END PRIVATE KEY-----
`,
}

export const client = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBqjCCAVCgAwIBAgIUaQwHiNMjN80XvoC3yqwrUEIXou0wCgYIKoZIzj0EAwIw
IDEeMBwGA1UEAwwVVHJvdXBlIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMzA3NDYy
NloYDzIxMjYxMDMwMDc0NjI2WjAdMRswGQYDVQQDDBJ0cm91cGUtdGVzdC1jbGll
bnQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASRnaSyTy89/7vPh2TiXZ3KOSGn
0JaXgFinDYTeKjfMcGmL8Ygcif7Se2x/+7XrikwQCgK07IwsI89OF2ezJjZMo2kw
ZzAJBgNVHRMEAjAAMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAdBgNVHQ4E
FgQUA9o2yCNmCLL7ZMy1RcEbibWVMq8wHwYDVR0jBBgwFoAUquCYhTADyUc7iFZ+
k0hZ3fzZO6EwCgYIKoZIzj0EAwIDSAAwRQIhAMlxDHMtS2Oq+MQAw/tnigii7usJ
8bi42SToVdtCat3eAiAgQlp2RBYSW6lN+/2EYCnh4zHsIYmNJbcshEV+YZ9bag==
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+UKzXTTcIbEuDohg
6O8Vg6ZUjsL4wX4uddWCJPJM3sChRANCAASRnaSyTy89/7vPh2TiXZ3KOSGn0JaX
gFinDYTeKjfMcGmL8Ygcif7Se2x/+7XrikwQCgK07IwsI89OF2ezJjZM
-----END PRIVATE KEY-----
`,
}

/** Calls `use` with a folder of files, and removes it. */
export function withFiles<Result>(
  files: Readonly<Record<string, string>>,
  use: (pathOf: (name: string) => string) => Result,
): Result {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-files-'))
  const pathOf = (name: string) => join(folder, name)
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(pathOf(name), text, { mode: 0o600 })
    return use(pathOf)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
