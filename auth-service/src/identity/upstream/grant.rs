//! The authorization code grant from the client's side (RFC 6749 §4.1), with PKCE S256 (RFC 7636) always.

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AccessToken, AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EndpointNotSet, EndpointSet, ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, StandardRevocableToken, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use serde::{Deserialize, Serialize};

use super::UpstreamError;
use super::fetch::HttpClient;

/// What a provider knows us by.
#[derive(Debug, Clone)]
pub struct Registration {
    /// `client_id`.
    pub client: ClientId,
    /// `client_secret`.
    pub secret: ClientSecret,
    /// The one redirect URI for this provider.
    pub redirect_uri: RedirectUrl,
}

/// Where a provider answers.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Where browsers go.
    pub authorization: AuthUrl,
    /// Where codes are redeemed.
    pub token: TokenUrl,
    /// Where it wants the client's secret (RFC 6749 §2.3.1).
    pub auth: AuthType,
}

/// What a browser takes along to a provider.
pub struct Luggage {
    /// `state`.
    pub state: CsrfToken,
    /// `nonce` (`OpenID` Connect Core §3.1.2.1).
    pub nonce: String,
    /// What proves that whoever redeems the code is who asked for it.
    pub verifier: PkceCodeVerifier,
    /// The user wants to sign in anew.
    pub again: bool,
}

/// What a browser brings back.
pub struct Souvenir {
    /// `code`.
    pub code: AuthorizationCode,
    /// The `nonce` that it took along.
    pub nonce: String,
    /// The verifier that it took along.
    pub verifier: PkceCodeVerifier,
}

impl std::fmt::Debug for Luggage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Luggage(…)")
    }
}

impl std::fmt::Debug for Souvenir {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Souvenir(…)")
    }
}

/// What a code was redeemed for. It is used for this one sign-in and dropped.
pub(super) struct Redeemed {
    pub(super) access_token: AccessToken,
    pub(super) id_token: Option<String>,
}

/// The member that `OpenID` Connect adds to a token response.
#[derive(Serialize, Deserialize)]
struct IdTokenMember {
    #[serde(default)]
    id_token: Option<String>,
}

impl std::fmt::Debug for IdTokenMember {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("IdTokenMember(…)")
    }
}

impl ExtraTokenFields for IdTokenMember {}

type OauthClient = Client<
    BasicErrorResponse,
    StandardTokenResponse<IdTokenMember, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

fn client(registration: &Registration, endpoints: &Endpoints) -> OauthClient {
    Client::new(registration.client.clone())
        .set_client_secret(registration.secret.clone())
        .set_auth_type(endpoints.auth.clone())
        .set_auth_uri(endpoints.authorization.clone())
        .set_token_uri(endpoints.token.clone())
        .set_redirect_uri(registration.redirect_uri.clone())
}

/// The address that the browser is sent to.
pub(super) fn address(
    registration: &Registration,
    endpoints: &Endpoints,
    luggage: &Luggage,
    scopes: &[&str],
    more: &[(&'static str, &str)],
) -> String {
    let client = client(registration, endpoints);
    let state = luggage.state.clone();
    let request = client
        .authorize_url(move || state)
        .add_scopes(scopes.iter().map(|scope| Scope::new((*scope).to_owned())))
        .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&luggage.verifier));
    let request = more
        .iter()
        .fold(request, |request, (name, value)| request.add_extra_param(*name, (*value).to_owned()));
    request.url().0.into()
}

/// Redeems the code.
pub(super) async fn redeem(
    http: &HttpClient,
    registration: &Registration,
    endpoints: &Endpoints,
    souvenir: Souvenir,
) -> Result<Redeemed, UpstreamError> {
    let client = client(registration, endpoints);
    let send = |request| {
        let http = http.clone();
        async move { http.send(request).await }
    };
    let answer = client
        .exchange_code(souvenir.code)
        .set_pkce_verifier(souvenir.verifier)
        .request_async(&send)
        .await
        // Neither the provider's words nor its bytes go any further: they may hold the code, or worse.
        .map_err(|error| match error {
            RequestTokenError::ServerResponse(_) => UpstreamError::CodeRefused,
            RequestTokenError::Request(error) => UpstreamError::Fetch(error),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => UpstreamError::Malformed("token"),
        })?;
    Ok(Redeemed {
        access_token: answer.access_token().clone(),
        id_token: answer.extra_fields().id_token.clone(),
    })
}
