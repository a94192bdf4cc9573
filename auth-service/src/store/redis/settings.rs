//! Where Redis is, and how to prove who we are. Holds a password: nothing here can be printed.

use std::fmt;

use fred::types::config::{Config, ServerConfig};
use url::Url;

const SCHEMES: [&str; 7] =
    ["redis", "rediss", "redis-sentinel", "rediss-sentinel", "redis-cluster", "rediss-cluster", "redis+unix"];

/// Why an address cannot be used. Never repeats any of it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedisSettingsError {
    /// Not an address, or a part of it is wrong.
    #[error(
        "expected an address such as redis://host:6379, rediss://host:6380, redis+unix:///run/redis.sock, \
         redis-cluster://host:6379?node=other:6379 or redis-sentinel://host:26379?sentinelServiceName=name"
    )]
    Address,
    /// The password of the address would have to be guessed from two.
    #[error("there is a password in REDIS_URL already: leave one of the two out")]
    TwoPasswords,
}

/// An address and a password.
#[derive(Clone)]
pub struct RedisSettings(Config);

impl RedisSettings {
    /// Reads an address, and the password that belongs to it unless it is there already.
    ///
    /// # Errors
    /// [`RedisSettingsError`].
    pub fn parse(address: &str, password: Option<String>) -> Result<Self, RedisSettingsError> {
        let address = address.trim();
        let url = Url::parse(address).map_err(|_| RedisSettingsError::Address)?;
        let is_known = SCHEMES.contains(&url.scheme());
        let config =
            Config::from_url(address).ok().filter(|_| is_known).ok_or(RedisSettingsError::Address)?;
        match (&config.password, password) {
            (Some(_), Some(_)) => Err(RedisSettingsError::TwoPasswords),
            (None, Some(password)) => Ok(Self(Config { password: Some(password), ..config })),
            (_, None) => Ok(Self(config)),
        }
    }

    pub(super) fn config(&self) -> Config {
        self.0.clone()
    }

    /// Where Redis is, without what must not be said.
    fn place(&self) -> String {
        match &self.0.server {
            ServerConfig::Unix { path } => path.display().to_string(),
            server @ (ServerConfig::Centralized { .. }
            | ServerConfig::Clustered { .. }
            | ServerConfig::Sentinel { .. }) => {
                server.hosts().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RedisSettings({self})")
    }
}

impl fmt::Display for RedisSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "canary-password";

    #[test]
    fn every_kind_of_address_is_read() {
        for (address, place) in [
            ("redis://localhost", "localhost:6379"),
            ("redis://user:pw@localhost:1/2", "localhost:1"),
            ("rediss://localhost:6380", "localhost:6380"),
            ("redis+unix:///run/redis.sock", "/run/redis.sock"),
            ("redis-cluster://a:1?node=b:2", "b:2, a:1"),
            ("redis-sentinel://a:1?sentinelServiceName=main&node=b:2", "b:2, a:1"),
        ] {
            assert_eq!(RedisSettings::parse(address, None).unwrap().to_string(), place, "{address}");
        }
        for address in
            ["", "localhost:6379", "http://localhost", "redis-sentinel://a:1", "redis://a:x", "redis://"]
        {
            let read = RedisSettings::parse(address, None).map(|it| it.to_string());
            assert_eq!(read, Err(RedisSettingsError::Address), "{address}");
        }
    }

    #[test]
    fn j_07_a_password_is_never_shown() {
        let in_address =
            format!("redis-sentinel://user:{CANARY}@a:1?sentinelServiceName=main&sentinelPassword={CANARY}");
        let settings = RedisSettings::parse(&in_address, None).unwrap();
        let beside = RedisSettings::parse("redis://user@a:1", Some(CANARY.to_owned())).unwrap();
        let two = RedisSettings::parse(&in_address, Some(CANARY.to_owned())).unwrap_err();
        let wrong = RedisSettings::parse(&format!("redis://:{CANARY}@a:port"), None).unwrap_err();
        for shown in [
            format!("{settings} {settings:?} {settings:#?}"),
            format!("{beside} {beside:?}"),
            format!("{two} {two:?} {wrong} {wrong:?}"),
        ] {
            assert!(!shown.contains(CANARY), "{shown}");
        }
        assert_eq!(beside.config().password.as_deref(), Some(CANARY), "it is there, though");
    }
}
