//! Tokens that other libraries made: the examples of the RFCs, and `PyJWT`'s by a key that is thrown away.

/// RFC 7515, appendix A.1.
pub(crate) const HS256: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const HS256_SECRET: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

/// RFC 7515, appendix A.2.
pub(crate) const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5juj\
    Gbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7\
    K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np\
    6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
pub(crate) const RS256_KEY: &str = r#"{"keys":[{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}]}"#;

/// RFC 7515, appendix A.3.
pub(crate) const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
pub(crate) const ES256_KEY: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// RFC 8037, appendix A.4. Its claims are no JSON.
pub(crate) const EDDSA: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
    hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
pub(crate) const EDDSA_KEY: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// `PyJWT`: issuer `https://id.example.com`, audience `latchkey`, subject `ada`, until 1774369800.
pub(crate) const PYJWT_RS256: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjoibGF0Y2hrZXkiLCJzdWIiOiJhZGEiLCJleHAiOjE3NzQzNjk4MDB9.ZPEwtrxoPBtL9nF_mvH61SC_yu2rCOvykm00NdEVi4in2ZLUpvw-6WhYO9qn08fqAaHTVI9pHOCEtu-xXA9QEhRMIuwx40S_iWQPr_MUL0WO-n26-WhZHgfy65Eu7Y17GpojE9f8e9W685stYXMx2XHZ0pmUAfEU6hU64YL8oIBBcH2kZ4LtdIOdO4lA6a5XSZqSj7IxpsUvVYlgcuSSM7nZenR8RJ9VdXivAe-E0wX0hDcvRZOEzMMpKTdlTFCOPmj86VeJ_9D5ON1imbq3yioFqATaVTnfdnqbgcmStT77pQSXMe-Paj1WHjszJ9qXHFv3RViL2Of7llVe4seBrg";
pub(crate) const PYJWT_PS256: &str = "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjoibGF0Y2hrZXkiLCJzdWIiOiJhZGEiLCJleHAiOjE3NzQzNjk4MDB9.M3ndPhyl0bGg8jtZCgv45-nCZq9T8hKelmXQNmZ1RqOt25I9xC1Yue9ZtsO2hHYDy4i9OHnzNG7b9qq_OCcUugfiZTsZG6GHENIfEmM1bYi4rR7PlhuRpLgq2n15t9S9iAb9uQw83ytrrUwneAnlYouiaetyoRE1sdk6ZayMn0sY0fjkUHSuxPZJELdFYqGitj6GUhMtcCjBcOe0CjTMEZds0ZR1PbQ6hXUmUaqllzjIDLXr9iPv1mkkh4ojn1Mbv5G1FJdz0LFu-Xo0-dpzy75l_mO66MsT5vpKCswRAA-SICrdP-PyjrNZGcSPL_txlzbxMSwKG-rYoM5QXC1xrg";
/// The same by an algorithm that is not known here.
pub(crate) const PYJWT_RS384: &str = "eyJhbGciOiJSUzM4NCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjoibGF0Y2hrZXkiLCJzdWIiOiJhZGEiLCJleHAiOjE3NzQzNjk4MDB9.Lo9yKAJLZ8hWnyLpNRYOlG5ve6ye0ydlvZWjAVkIad65nwSXjcddqMV-8SbIxA0BPxXn28yTvmN-orOYGU0r1_NxuvWNrSgy3tZY95xl2fP4voaShOmAI8OheqBBmCVns2z0d9em9BpeC-rMab_QfHbs1Dw6gHlba26r3YjF_pItcQuKQgPD0ZJWeyVoqx6PDCps2yue7v1BaI3kzpi6hX_-s7tu9MRVjDxIYl33-j63IKYaOmOZasW8d_RpW1IfJLZLI8aQMGxZFHHVu5jhbR7IXkRNZiOAy1FOrFova6ONagMFT2rB-U_v1TQyYI_GtI2zkK8guzARl3IuQ2gECw";
pub(crate) const PYJWT_PEM: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzh4xLlhd/7zUa4//Pmcu
tn0QAXz6Sp5aQH/VNcE9UAFVXxoPN4Dh1BT6DTm5xao63uocNOZA0a9s1wvxjgqp
TLi2Tr416h+D1vGHRIg3TrPSW2CIYhTUmAfy889DZMFOjiLDtjgaOxrIhVf/uIfv
9TNVfwygL69+gTCHHFdQTdIW1C/8ks9v3VtQ0Nq8Gs3JHOKLgrgxvTtB3wOHUhYa
oWH2Drc9cXlUKypuVtO50PrnR9r4O4SEPk355swkafiLhJpUCNHdIbltFcj8YGJ7
EFg1LZsYkLzkcxs3le0zP5s4IGmil2l1jbxm9zJo5RDfayoIjNmAzWm6mrZe8Nvn
EwIDAQAB
-----END PUBLIC KEY-----
";
pub(crate) const PYJWT_MODULUS: &str = "zh4xLlhd_7zUa4__Pmcutn0QAXz6Sp5aQH_VNcE9UAFVXxoPN4Dh1BT6DTm5xao63uocNOZA0a9s1wvxjgqpTLi2Tr416h-D1vGHRIg3TrPSW2CIYhTUmAfy889DZMFOjiLDtjgaOxrIhVf_uIfv9TNVfwygL69-gTCHHFdQTdIW1C_8ks9v3VtQ0Nq8Gs3JHOKLgrgxvTtB3wOHUhYaoWH2Drc9cXlUKypuVtO50PrnR9r4O4SEPk355swkafiLhJpUCNHdIbltFcj8YGJ7EFg1LZsYkLzkcxs3le0zP5s4IGmil2l1jbxm9zJo5RDfayoIjNmAzWm6mrZe8NvnEw";
