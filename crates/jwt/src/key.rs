use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::signature::{
    self, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde_json::{Map, Value};
use spki::der::asn1::UintRef;
use spki::der::{Decode as _, Reader as _, SliceReader};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use crate::algorithm::Algorithm;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// An RSA modulus has 2048 to 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
const UNCOMPRESSED: u8 = 4;

/// A key that tokens are checked by.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// The name that the issuer gave it.
    pub(crate) kid: Option<String>,
    /// The one algorithm that the issuer uses it for, if that was said.
    only: Option<Algorithm>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Secret(hmac::Key),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Key {
    pub(crate) fn secret(secret: &[u8]) -> Self {
        Self::unnamed(Material::Secret(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    const fn unnamed(material: Material) -> Self {
        Self { kid: None, only: None, material }
    }

    /// A key of a JWKS (RFC 7517), if it is a public one that signatures of tokens can be checked by.
    pub(crate) fn of_jwk(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| match jwk.get(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text.as_str())),
            Some(_) => None,
        };
        if text("use")?.is_some_and(|usage| usage != "sig") {
            return None;
        }
        let may_verify = match jwk.get("key_ops") {
            None => true,
            Some(Value::Array(operations)) => operations.iter().any(|it| it == "verify"),
            Some(_) => false,
        };
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)??).ok();
        let material = match (text("kty")??, text("crv")?) {
            ("RSA", _) => Material::rsa(&bytes("n")?, &bytes("e")?)?,
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                Material::P256([&[UNCOMPRESSED][..], &x, &y].concat())
            }
            ("OKP", Some("Ed25519")) => Material::ed25519(&bytes("x")?)?,
            _ => return None,
        };
        // Another algorithm than ours is one that the key must not be used without.
        let only = match text("alg")? {
            None => None,
            Some(name) => Some(Algorithm::parse(name)?),
        };
        let key = Self { kid: text("kid")?.map(ToOwned::to_owned), only, material };
        let fits = key.only.is_none_or(|only| key.material.fits(only));
        (may_verify && fits).then_some(key)
    }

    /// A public key as a section `PUBLIC KEY` of a PEM file holds it (RFC 7468).
    pub(crate) fn of_spki(der: &[u8]) -> Option<Self> {
        Material::of_spki(der).map(Self::unnamed)
    }

    /// Whether this key, by `algorithm`, has signed `message`. A key is only ever used for the algorithms
    /// of its type, so that a public key is never taken for a secret.
    pub(crate) fn has_signed(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        if self.only.is_some_and(|only| only != algorithm) {
            return false;
        }
        match (&self.material, algorithm) {
            (Material::Secret(key), Algorithm::Hs256) => {
                hmac::verify(key, message, signature).is_ok()
            }
            (Material::Rsa { n, e }, Algorithm::Rs256) => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            (Material::Rsa { n, e }, Algorithm::Ps256) => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PSS_2048_8192_SHA256, message, signature)
                .is_ok(),
            (Material::P256(point), Algorithm::Es256) => {
                let key = UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).is_ok()
            }
            (Material::Ed25519(point), Algorithm::EdDsa) => {
                let key = UnparsedPublicKey::new(&signature::ED25519, point);
                key.verify(message, signature).is_ok()
            }
            (
                Material::Secret(_)
                | Material::Rsa { .. }
                | Material::P256(_)
                | Material::Ed25519(_),
                _,
            ) => false,
        }
    }
}

impl Material {
    fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Secret(_) => algorithm == Algorithm::Hs256,
            Self::Rsa { .. } => matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256),
            Self::P256(_) => algorithm == Algorithm::Es256,
            Self::Ed25519(_) => algorithm == Algorithm::EdDsa,
        }
    }

    fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        // Some issuers write leading zeros, which mean nothing.
        let plain = |number: &[u8]| {
            let start = number.iter().position(|byte| *byte != 0)?;
            number.get(start..).map(<[u8]>::to_vec)
        };
        let (n, e) = (plain(n)?, plain(e)?);
        let is_long_enough =
            RSA_BYTES.contains(&n.len()) && (n.len() > 256 || n.first()? >> 7 == 1);
        is_long_enough.then_some(Self::Rsa { n, e })
    }

    fn ed25519(point: &[u8]) -> Option<Self> {
        (point.len() == 32).then(|| Self::Ed25519(point.to_vec()))
    }

    fn of_pkcs1(der: &[u8]) -> Option<Self> {
        let mut reader = SliceReader::new(der).ok()?;
        let numbers = reader.sequence(|key| Ok((UintRef::decode(key)?, UintRef::decode(key)?)));
        let (n, e) = numbers.ok()?;
        reader.is_finished().then_some(())?;
        Self::rsa(n.as_bytes(), e.as_bytes())
    }

    fn of_spki(der: &[u8]) -> Option<Self> {
        let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
        let key = info.subject_public_key.as_bytes()?;
        match info.algorithm.oid {
            RSA => Self::of_pkcs1(key),
            EC if info.algorithm.parameters_oid() == Ok(P256) => {
                let is_point = key.len() == 65 && key.first() == Some(&UNCOMPRESSED);
                is_point.then(|| Self::P256(key.to_vec()))
            }
            ED25519 => Self::ed25519(key),
            _ => None,
        }
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret([redacted])",
            Self::Rsa { .. } => "Rsa",
            Self::P256(_) => "P256",
            Self::Ed25519(_) => "Ed25519",
        })
    }
}
