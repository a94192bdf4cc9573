//! What the suite puts into a store.

use auth_service::domain::client::{
    ApplicationType, Client, ClientAuthentication, ClientId, ClientProfile, SecretMethod,
};
use auth_service::domain::grant::{Access, BrowserSignIn, CodeGrant, FamilyId, Handover};
use auth_service::domain::pkce::CodeChallenge;
use auth_service::domain::secret::Digest;
use auth_service::domain::token::{IssuedToken, TokenId};
use auth_service::domain::user::Subject;
use auth_service::store::{
    AuthorizationStore, CodeLifetime, FamilyOpening, Issue, Redemption, Rotation, SessionStore, Store,
};
use gateway_core::scope::ScopeSet;
use gateway_core::time::UnixTime;

pub(crate) const T0: UnixTime = UnixTime::from_secs(1_800_000_000);

pub(crate) fn at(seconds: u64) -> UnixTime {
    T0.plus(seconds)
}

pub(crate) fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

pub(crate) fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

pub(crate) fn client(id: &str, expires_at: Option<UnixTime>) -> Client {
    Client {
        id: client_id(id),
        issued_at: T0,
        expires_at,
        authentication: ClientAuthentication::Secret { method: SecretMethod::Post, digest: digest("secret") },
        registration: Some(digest("registration token")),
        profile: ClientProfile {
            name: Some("N\u{e4}me".to_owned()),
            redirect_uris: vec!["https://app.example/cb".parse().unwrap(), "cursor://x/cb".parse().unwrap()],
            application_type: ApplicationType::Native,
            refreshes: true,
            devices: true,
            credentials: true,
            scope: Some("mcp:time".to_owned()),
            software_id: None,
            software_version: Some("1".to_owned()),
        },
    }
}

pub(crate) fn access() -> Access {
    Access {
        client: client_id("c"),
        subject: Subject::new("local", "a1"),
        server: "time".parse().unwrap(),
        scope: ScopeSet::parse("mcp:time:now mcp:time:zones"),
    }
}

pub(crate) fn family(number: u8) -> FamilyId {
    FamilyId::from_bytes([number; 16])
}

pub(crate) fn grant(number: u8) -> CodeGrant {
    CodeGrant {
        access: access(),
        handover: Handover::Redirect {
            redirect_uri: "https://app.example/cb".parse().unwrap(),
            challenge: CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap(),
        },
        session: digest("session"),
        family: family(number),
    }
}

pub(crate) const LIFETIME: CodeLifetime =
    CodeLifetime { expires_at: T0.plus(60), forgotten_at: T0.plus(600) };

pub(crate) fn issued(name: &str, now: UnixTime) -> IssuedToken {
    let mut id = [0; 16];
    id.iter_mut().zip(digest(name).as_bytes()).for_each(|(to, from)| *to = *from);
    IssuedToken { id: TokenId::from_bytes(id), issued_at: now, expires_at: now.plus(900) }
}

pub(crate) fn opening() -> Issue {
    let family = FamilyOpening { first: digest("r1"), expires_at: at(1000) };
    Issue { token: issued("first", T0), family: Some(family) }
}

pub(crate) fn rotation(number: u8, presented: &str, successor: &str, now: UnixTime) -> Rotation {
    Rotation {
        family: family(number),
        presented: digest(presented),
        successor: digest(successor),
        issued: issued(&format!("{number} {successor}"), now),
        now,
        grace: 60,
        expires_at: now.plus(1000),
    }
}

/// The browser in which something is granted, signed in until `expires_at`.
pub(crate) async fn sign_in(
    store: &(impl SessionStore + ?Sized),
    session: &Digest,
    subject: &Subject,
    expires_at: UnixTime,
) {
    let credential = digest("hash");
    let sign_in = BrowserSignIn { subject: subject.clone(), signed_in_at: T0, credential };
    store.insert_session(session, &sign_in, expires_at).await.unwrap();
}

/// Keeps a code, from a browser that is signed in just for that.
pub(crate) async fn keep_code(
    store: &(impl AuthorizationStore + SessionStore + ?Sized),
    code: &Digest,
    grant: &CodeGrant,
) {
    sign_in(store, &grant.session, &grant.access.subject, at(1)).await;
    assert!(store.insert_code(code, grant, None, LIFETIME, T0).await.unwrap());
    store.remove_session(&grant.session).await.unwrap();
}

pub(crate) async fn open_family(store: &dyn Store, number: u8) {
    let code = digest(&format!("code {number}"));
    keep_code(store, &code, &grant(number)).await;
    let redeemed = store.redeem_code(&code, Some(&opening()), T0).await.unwrap();
    assert_eq!(redeemed, Redemption::First(grant(number)));
}
