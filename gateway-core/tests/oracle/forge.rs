//! Tokens that are good, nearly good, and bad.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::Signer as _;
use gateway_core::jwt::Algorithm;
use gateway_core::jwt::sign::SigningKey;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://gw.example";
pub(crate) const RESOURCE: &str = "https://gw.example/time/mcp";
pub(crate) const LEEWAY: u64 = 30;

/// Who signs: two published keys, and one that nobody knows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Signer {
    Es256,
    EdDsa,
    Stranger,
}

/// What their keys are made from.
const SEEDS: [u8; 3] = [1, 2, 3];

pub(crate) const NAMES: [&str; 3] = ["ES256", "EdDSA", "a stranger"];

/// How a token differs from a good one.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    signer: Signer,
    header: Vec<Edit>,
    claims: Vec<Edit>,
    layout: Layout,
    damage: Option<Damage>,
}

/// What happens to one member.
#[derive(Debug, Clone)]
enum Edit {
    Set(&'static str, Value),
    /// A time, so many seconds from now.
    Time(&'static str, i64),
    Remove(&'static str),
    /// The member a second time, at the end of the text.
    Again(&'static str, Value),
    /// So many bytes of another member.
    Pad(usize),
}

/// How the claims are written.
#[derive(Debug, Clone, Copy)]
enum Layout {
    Plain,
    Indented,
    /// `[exp, nbf, sub, iss, aud]`, which a struct can be read from as well.
    ByPosition,
}

/// What happens to the finished text.
#[derive(Debug, Clone)]
enum Damage {
    Replace(Index, char),
    Insert(Index, char),
    Cut(Index),
    /// The signature of another token.
    ForeignSignature,
    NoSignature,
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let signer = prop_oneof![
        5 => Just(Signer::Es256),
        5 => Just(Signer::EdDsa),
        1 => Just(Signer::Stranger),
    ];
    let layout =
        prop_oneof![20 => Just(Layout::Plain), 4 => Just(Layout::Indented), 1 => Just(Layout::ByPosition)];
    let edits = |edit: BoxedStrategy<Edit>| prop_oneof![4 => Just(Vec::new()), 3 => vec(edit, 1..3)];
    let damage = prop_oneof![6 => Just(None), 1 => damage().prop_map(Some)];
    (signer, edits(header().boxed()), edits(claim().boxed()), layout, damage)
        .prop_map(|(signer, header, claims, layout, damage)| Case { signer, header, claims, layout, damage })
}

fn header() -> impl Strategy<Value = Edit> {
    let texts = select(vec![
        Edit::Set("typ", json!("JWT")),
        Edit::Set("typ", json!("AT+JWT")),
        Edit::Set("typ", json!("application/at+jwt")),
        Edit::Set("typ", json!("logout+jwt")),
        Edit::Set("typ", Value::Null),
        Edit::Set("typ", json!(7)),
        Edit::Remove("typ"),
        Edit::Remove("kid"),
        Edit::Set("kid", json!("")),
        Edit::Set("kid", Value::Null),
        Edit::Set("kid", json!("../../etc/passwd")),
        Edit::Set("kid", json!("k".repeat(300))),
        Edit::Set("kid", json!(["other"])),
        Edit::Set("kid", json!("other")),
        Edit::Set("kid", json!("swap")),
        Edit::Set("crit", json!(["exp"])),
        Edit::Set("crit", json!([])),
        Edit::Set("b64", json!(false)),
        Edit::Set("zip", json!("DEF")),
        Edit::Set("enc", json!("A128GCM")),
        Edit::Set("jku", json!("https://evil.example/jwks.json")),
        Edit::Set("x5u", json!("https://evil.example/x5u")),
        Edit::Set("x5c", json!([])),
        Edit::Set(
            "jwk",
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }),
        ),
        Edit::Set("x-unknown", json!({ "a": [1] })),
        Edit::Again("typ", json!("at+jwt")),
        Edit::Again("alg", json!("none")),
        Edit::Again("kid", json!("other")),
        Edit::Again("crit", json!(["exp"])),
        Edit::Remove("alg"),
    ]);
    let algorithm = select(vec![
        "none", "None", "", "HS256", "ES256", "EdDSA", "es256", "RS256", "PS256", "ES384", "Ed25519",
    ]);
    prop_oneof![3 => texts, 1 => algorithm.prop_map(|name| Edit::Set("alg", json!(name)))]
}

fn claim() -> impl Strategy<Value = Edit> {
    const TIMES: [&str; 3] = ["exp", "nbf", "iat"];
    const MEMBERS: [&str; 10] =
        ["iss", "sub", "aud", "client_id", "scope", "iat", "nbf", "exp", "jti", "preferred_username"];
    let odd = select(vec![
        Value::Null,
        json!(7),
        json!(-1),
        json!(0),
        json!(4_102_444_800.5),
        json!(1e30),
        json!(u64::MAX),
        json!(253_402_300_800_u64),
        json!(""),
        json!("x"),
        json!("4102444800"),
        json!(true),
        json!([]),
        json!({}),
    ]);
    let audience = select(vec![
        json!([RESOURCE]),
        json!([RESOURCE, RESOURCE]),
        json!([RESOURCE, "https://gw.example/fetch/mcp"]),
        json!(["https://gw.example/fetch/mcp"]),
        json!("https://gw.example/fetch/mcp"),
        json!(format!("{RESOURCE}/")),
        json!(RESOURCE.to_uppercase()),
        json!(vec![RESOURCE; 40]),
        json!([RESOURCE, 7]),
    ]);
    let issuer = select(vec![
        json!([ISSUER]),
        json!([ISSUER, "https://evil.example"]),
        json!("https://gw.example/"),
        json!("https://GW.example"),
        json!("https://evil.example"),
    ]);
    let edge = (-35_i64..35).prop_map(|around| around.signum() * (around.abs() + 20));
    let times = prop_oneof![edge, Just(-30), Just(-29), Just(-31), Just(30), Just(31), -5000_i64..5000];
    prop_oneof![
        6 => (select(&TIMES[..]), times).prop_map(|(member, seconds)| Edit::Time(member, seconds)),
        3 => audience.prop_map(|value| Edit::Set("aud", value)),
        2 => issuer.prop_map(|value| Edit::Set("iss", value)),
        3 => (select(&MEMBERS[..]), odd.clone()).prop_map(|(member, value)| Edit::Set(member, value)),
        2 => select(&MEMBERS[..]).prop_map(Edit::Remove),
        1 => select(vec![json!(["mcp:time"]), json!("openid mcp"), json!("mcp:timer")]).prop_map(|value| Edit::Set("scope", value)),
        2 => (select(&MEMBERS[..]), odd.clone()).prop_map(|(member, value)| Edit::Again(member, value)),
        1 => odd.prop_map(|value| Edit::Again("x-unknown", value)),
        1 => select(vec![100_usize, 5500, 6500, 60_000]).prop_map(Edit::Pad),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    let character = || select("AZaz09-_.=+/ ~\n".chars().collect::<Vec<_>>());
    prop_oneof![
        (any::<Index>(), character()).prop_map(|(at, with)| Damage::Replace(at, with)),
        (any::<Index>(), character()).prop_map(|(at, with)| Damage::Insert(at, with)),
        any::<Index>().prop_map(Damage::Cut),
        Just(Damage::ForeignSignature),
        Just(Damage::NoSignature),
    ]
}

/// The keys of all signers.
pub(crate) struct Signers {
    keys: [SigningKey; 3],
}

impl Signers {
    pub(crate) fn new() -> Self {
        let key = |algorithm, signer: Signer| {
            SigningKey::from_seed(algorithm, &[SEEDS[signer as usize]; 32]).unwrap()
        };
        Self {
            keys: [
                key(Algorithm::Es256, Signer::Es256),
                key(Algorithm::EdDsa, Signer::EdDsa),
                key(Algorithm::EdDsa, Signer::Stranger),
            ],
        }
    }

    pub(crate) fn published(&self) -> Vec<Value> {
        self.keys.iter().take(2).map(SigningKey::public_jwk).collect()
    }

    pub(crate) fn kids(&self) -> Vec<&str> {
        self.keys.iter().take(2).map(SigningKey::kid).collect()
    }

    pub(crate) fn good(&self, signer: Signer, now: u64) -> String {
        let (header, claims) = self.parts(signer, now);
        self.keys[signer as usize].jws(&header, claims.to_string().as_bytes())
    }

    pub(crate) fn forge(&self, case: &Case, now: u64) -> String {
        let (header, claims) = self.parts(case.signer, now);
        let swap = &self.keys[1 - (case.signer as usize).min(1)];
        let header = edited(header, &case.header, now).replace("\"swap\"", &json!(swap.kid()).to_string());
        let claims = match case.layout {
            Layout::Plain => edited(claims, &case.claims, now),
            Layout::Indented => {
                let text = edited(claims, &case.claims, now);
                serde_json::from_str::<Value>(&text).map_or(text, |value| format!(" {value:#}\n"))
            }
            Layout::ByPosition => {
                Value::from(["exp", "nbf", "sub", "iss", "aud"].map(|name| claims[name].clone()).to_vec())
                    .to_string()
            }
        };
        let token = Self::sign(case.signer, &header, &claims);
        let Some(damage) = &case.damage else { return token };
        self.damaged(&token, damage, now)
    }

    /// Signs the very texts, however often a member is in them. ([`SigningKey::jws`] writes a header from a value.)
    fn sign(signer: Signer, header: &str, claims: &str) -> String {
        let [header, claims] = [header, claims].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes()));
        let unsigned = format!("{header}.{claims}");
        let seed = [SEEDS[signer as usize]; 32];
        let signature = match signer {
            Signer::Es256 => {
                let key = p256::ecdsa::SigningKey::from_slice(&seed).unwrap();
                let signature: p256::ecdsa::Signature = key.sign(unsigned.as_bytes());
                signature.to_vec()
            }
            Signer::EdDsa | Signer::Stranger => {
                let key = ed25519_dalek::SigningKey::from_bytes(&seed);
                key.sign(unsigned.as_bytes()).to_vec()
            }
        };
        format!("{unsigned}.{}", Base64UrlUnpadded::encode_string(&signature))
    }

    fn damaged(&self, token: &str, damage: &Damage, now: u64) -> String {
        let mut letters: Vec<char> = token.chars().collect();
        let unsigned = token.rsplit_once('.').map(|(unsigned, _)| unsigned).unwrap_or_default();
        match damage {
            Damage::Replace(at, with) => letters[at.index(token.len())] = *with,
            Damage::Insert(at, with) => letters.insert(at.index(token.len()), *with),
            Damage::Cut(at) => letters.truncate(at.index(token.len())),
            Damage::ForeignSignature => {
                let other = self.good(Signer::Es256, now + 1);
                let signature = other.rsplit_once('.').map(|(_, signature)| signature).unwrap_or_default();
                return format!("{unsigned}.{signature}");
            }
            Damage::NoSignature => return format!("{unsigned}."),
        }
        letters.into_iter().collect()
    }

    fn parts(&self, signer: Signer, now: u64) -> (Value, Value) {
        let key = &self.keys[signer as usize];
        let header = json!({ "alg": key.algorithm().name(), "typ": "at+jwt", "kid": key.kid() });
        let claims = json!({
            "iss": ISSUER, "sub": "local:ada", "aud": RESOURCE, "client_id": "client_1", "scope": "mcp:time",
            "iat": now, "nbf": now, "exp": now + 900, "jti": "token-1", "preferred_username": "Ada",
        });
        (header, claims)
    }
}

/// The text of an object after `edits`.
fn edited(mut object: Value, edits: &[Edit], now: u64) -> String {
    let members = object.as_object_mut().unwrap();
    for edit in edits {
        match edit {
            Edit::Set(name, value) => drop(members.insert((*name).to_owned(), value.clone())),
            Edit::Time(name, around) => {
                let time = now.saturating_add_signed(*around);
                members.insert((*name).to_owned(), json!(time));
            }
            Edit::Remove(name) => drop(members.remove(*name)),
            Edit::Pad(bytes) => drop(members.insert("x-pad".to_owned(), json!("p".repeat(*bytes)))),
            Edit::Again(..) => {}
        }
    }
    let mut text = object.to_string();
    for edit in edits {
        if let Edit::Again(name, value) = edit {
            text.truncate(text.len() - 1);
            text = format!("{text},\"{name}\":{value}}}");
        }
    }
    text
}
