//! Who may call `bmn_*`, from where, and how much.

use crate::{node::NodeOrigin, section::Section, values::Field};
use std::{net::SocketAddr, path::PathBuf};
use toml::de::DeValue;

/// Access to the methods. By default everybody who reaches `rpc` may call the public ones, and nobody the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Where the methods of the operator are served, to those who have the key; nowhere without.
    pub admin_rpc: Option<SocketAddr>,
    /// File with that key; `jwt.hex` in the data directory without.
    pub jwt_secret: Option<PathBuf>,
    /// Web pages that may call the public methods.
    pub cors: CorsOrigins,
    /// Names under which the public server may be asked for, beside `localhost` and addresses; `*` is every name.
    pub hosts: Vec<String>,
    /// False where orders and secrets are taken from nobody.
    pub submissions: bool,
    /// How much a client may ask of the public server.
    pub limits: RpcLimits,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            admin_rpc: None,
            jwt_secret: None,
            cors: CorsOrigins::None,
            hosts: Vec::new(),
            submissions: true,
            limits: RpcLimits::default(),
        }
    }
}

/// Web pages, by their origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigins {
    /// None.
    None,
    /// These, as browsers write them.
    Listed(Vec<String>),
    /// All.
    Any,
}

/// How much a client may ask. A client is an IPv4 address or an IPv6 network of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RpcLimits {
    /// Requests a second that one goes on with; 0 sets no limit to a client, for where a proxy's address
    /// stands for all of them.
    pub requests_per_second: u32,
    /// Requests that one may send at once after a pause.
    pub burst: u32,
    /// Requests of one that are worked on at once, or whose answers it has not taken yet.
    pub concurrent: u32,
    /// Seconds that a request is worked on at most.
    pub request_secs: u32,
    /// Open connections of all of them, of HTTP and WebSocket together.
    pub connections: u32,
    /// Open connections of one.
    pub client_connections: u32,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            requests_per_second: 200,
            burst: 400,
            concurrent: 64,
            request_secs: 30,
            connections: 1_100,
            client_connections: 128,
        }
    }
}

/// Where the operator's methods were asked for in earlier versions.
const MOVED: &str = "there is no such key any more: the operator's methods have a listener of their own, for which \
                     write admin_rpc = \"127.0.0.1:8548\" (tokens are made with the key in jwt_secret); leave \
                     `admin` out";

impl Access {
    pub(crate) fn read(section: &mut Section<'_, '_>, origin: &NodeOrigin<'_>) -> Option<Self> {
        if section.optional::<Anything>("admin") != Some(None) {
            section.contradiction("admin", MOVED.to_owned());
            return None;
        }
        let admin_rpc = section.optional::<SocketAddr>("admin_rpc");
        let jwt_secret = section.optional::<String>("jwt_secret");
        let cors = section.or("cors", CorsOrigins::None);
        let hosts = section.list::<HostName>("hosts");
        let submissions = section.or("submissions", true);
        let limits = section.table_or_empty("rpc_limits", RpcLimits::read);
        Some(Self {
            admin_rpc: admin_rpc?,
            jwt_secret: jwt_secret?.map(|path| origin.directory.join(path)),
            cors: cors?,
            hosts: hosts.into_iter().map(|host| host.0).collect(),
            submissions: submissions?,
            limits: limits?,
        })
    }
}

impl RpcLimits {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let default = Self::default();
        let requests_per_second =
            section.or("requests_per_second", CountOrNone(default.requests_per_second));
        let burst = section.or("burst", Count(default.burst));
        let concurrent = section.or("concurrent", Count(default.concurrent));
        let request_secs = section.or("request_secs", Count(default.request_secs));
        let connections = section.or("connections", Count(default.connections));
        let client_connections =
            section.or("client_connections", Count(default.client_connections));
        Some(Self {
            requests_per_second: requests_per_second?.0,
            burst: burst?.0,
            concurrent: concurrent?.0,
            request_secs: request_secs?.0,
            connections: connections?.0,
            client_connections: client_connections?.0,
        })
    }
}

#[derive(PartialEq)]
struct Anything;

impl Field for Anything {
    const EXPECTED: &'static str = "nothing";
    const STRUCTURE: bool = true;

    fn read(_: &DeValue<'_>) -> Option<Self> {
        Some(Self)
    }
}

const MOST: u64 = 1_000_000;

struct Count(u32);

impl Field for Count {
    const EXPECTED: &'static str = "a whole number from 1 to 1000000";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let count = u64::read(value).filter(|count| (1..=MOST).contains(count))?;
        u32::try_from(count).ok().map(Self)
    }

    fn shown(&self) -> String {
        self.0.to_string()
    }
}

struct CountOrNone(u32);

impl Field for CountOrNone {
    const EXPECTED: &'static str = "a whole number from 0 to 1000000";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let count = u64::read(value).filter(|count| *count <= MOST)?;
        u32::try_from(count).ok().map(Self)
    }

    fn shown(&self) -> String {
        self.0.to_string()
    }
}

struct HostName(String);

impl Field for HostName {
    const EXPECTED: &'static str =
        "a host name without scheme, port and path, as in \"node.example\", or \"*\"";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let name = value.as_str()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let is_name = !name.is_empty() && name.bytes().all(plain);
        (is_name || name == "*").then(|| Self(name.to_owned()))
    }
}

impl Field for CorsOrigins {
    const EXPECTED: &'static str =
        "\"*\" or a list of origins as browsers write them, as in [\"https://app.example\"]";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        if value.as_str() == Some("*") {
            return Some(Self::Any);
        }
        let listed = value.as_array()?.iter();
        let listed = listed.map(|origin| origin.get_ref().as_str().filter(|text| is_origin(text)));
        let listed: Vec<String> =
            listed.map(|text| text.map(str::to_owned)).collect::<Option<_>>()?;
        Some(if listed.is_empty() { Self::None } else { Self::Listed(listed) })
    }

    fn shown(&self) -> String {
        match self {
            Self::None => "[]".to_owned(),
            Self::Listed(listed) => format!("{listed:?}"),
            Self::Any => "\"*\"".to_owned(),
        }
    }
}

/// `scheme://host` or `scheme://host:port`, and nothing after it: browsers compare it letter by letter.
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_:[]".contains(&byte);
    rest.is_some_and(|host| !host.is_empty() && host.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::read_file;
    use std::path::Path;

    fn read(text: &str) -> Result<Access, String> {
        let origin = NodeOrigin {
            name: "bmn.toml",
            directory: Path::new("/etc/bmn"),
            index_only: false,
            read: &|_| Err(std::io::ErrorKind::NotFound.into()),
        };
        let read = read_file(text, "bmn.toml", |section| Access::read(section, &origin));
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_open_unless_it_is_asked_for() {
        assert_eq!(read(""), Ok(Access::default()));
        let told = "admin_rpc = \"127.0.0.1:8548\"\njwt_secret = \"key\"\ncors = [\"https://app.example\"]\n\
                    hosts = [\"node.example\"]\nsubmissions = false\n[rpc_limits]\nrequests_per_second = 0\n\
                    burst = 2\nconcurrent = 3\nrequest_secs = 4\nconnections = 5\nclient_connections = 6";
        let expected = Access {
            admin_rpc: Some(([127, 0, 0, 1], 8548).into()),
            jwt_secret: Some("/etc/bmn/key".into()),
            cors: CorsOrigins::Listed(vec!["https://app.example".to_owned()]),
            hosts: vec!["node.example".to_owned()],
            submissions: false,
            limits: RpcLimits {
                requests_per_second: 0,
                burst: 2,
                concurrent: 3,
                request_secs: 4,
                connections: 5,
                client_connections: 6,
            },
        };
        assert_eq!(read(told), Ok(expected));
        assert_eq!(read("cors = \"*\"").unwrap().cors, CorsOrigins::Any);
        assert_eq!(read("cors = []").unwrap().cors, CorsOrigins::None);
    }

    #[test]
    fn the_key_of_earlier_versions_names_the_one_that_replaced_it() {
        for text in ["admin = true", "admin = false"] {
            let told = read(text).unwrap_err();
            assert!(told.contains("admin_rpc = \"127.0.0.1:8548\""), "{told}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        for (text, told) in [
            ("admin_rpc = 8548", "an address and a port"),
            ("cors = \"https://app.example\"", "\"*\" or a list"),
            ("cors = [\"https://app.example/\"]", "\"*\" or a list"),
            ("cors = [\"app.example\"]", "\"*\" or a list"),
            ("hosts = [\"https://node.example\"]", "a host name without scheme"),
            ("submissions = 0", "true or false"),
            ("[rpc_limits]\nburst = 0", "from 1 to 1000000"),
            ("[rpc_limits]\nrequests_per_second = -1", "from 0 to 1000000"),
            ("[rpc_limits]\nrate = 1", "unknown key"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
