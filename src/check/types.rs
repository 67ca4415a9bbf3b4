use std::fmt;

use serde::{Deserialize, Serialize};

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Hash)]
pub enum Type {
    /// Text.
    Str,
    /// A whole number.
    Int,
    /// True or false.
    Bool,
    /// A time span.
    Duration,
    /// A number of bytes.
    Size,
    /// A share.
    Percent,
    /// The number of a guest on its hypervisor, 100 to 999999999.
    VmId,
    /// Any host.
    Host,
    /// A host that is a guest.
    Guest,
    /// What a command gave.
    Output,
    /// Any JSON.
    Json,
    /// A value that goes to `stdin` and `env` and nowhere else.
    Secret,
    /// A list.
    List(Box<Type>),
    /// One of these texts.
    Literals(Vec<String>),
    /// What `recover` binds.
    Failure,
    /// A variable of the inventory whose type nobody has declared: it takes the type that its place asks for.
    Any,
    /// An error was reported here; nothing follows from it.
    Unknown,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Str => f.write_str("Str"),
            Type::Int => f.write_str("Int"),
            Type::Bool => f.write_str("Bool"),
            Type::Duration => f.write_str("Duration"),
            Type::Size => f.write_str("Size"),
            Type::Percent => f.write_str("Percent"),
            Type::VmId => f.write_str("VmId"),
            Type::Host => f.write_str("Host"),
            Type::Guest => f.write_str("Guest"),
            Type::Output => f.write_str("Output"),
            Type::Json => f.write_str("Json"),
            Type::Secret => f.write_str("Secret"),
            Type::List(of) => write!(f, "List<{of}>"),
            Type::Literals(words) => {
                for (i, word) in words.iter().enumerate() {
                    write!(f, "{}\"{word}\"", if i == 0 { "" } else { " | " })?;
                }
                Ok(())
            }
            Type::Failure => f.write_str("a failure"),
            Type::Any | Type::Unknown => f.write_str("a value"),
        }
    }
}

impl Type {
    /// The type of this name.
    pub fn named(name: &str) -> Option<Type> {
        Some(match name {
            "Str" => Type::Str,
            "Int" => Type::Int,
            "Bool" => Type::Bool,
            "Duration" => Type::Duration,
            "Size" => Type::Size,
            "Percent" => Type::Percent,
            "VmId" => Type::VmId,
            "Host" => Type::Host,
            "Guest" => Type::Guest,
            "Output" => Type::Output,
            "Json" => Type::Json,
            "Secret" => Type::Secret,
            _ => return None,
        })
    }

    /// The names of all types that can be written.
    pub const NAMES: [&'static str; 13] = [
        "Str", "Int", "Bool", "Duration", "Size", "Percent", "VmId", "Host", "Guest", "Output", "Json", "Secret",
        "List",
    ];

    /// Whether a value of this type may stand where `wanted` is asked for.
    pub fn fits(&self, wanted: &Type) -> bool {
        match (self, wanted) {
            (Type::Any | Type::Unknown, _) | (_, Type::Any | Type::Unknown) => true,
            (Type::Guest, Type::Host) => true,
            // Whether a host is a guest is known only with the inventory: the call is checked host by host.
            (Type::Host, Type::Guest) => true,
            (Type::VmId, Type::Int) => true,
            (Type::Literals(_), Type::Str) => true,
            (Type::Literals(mine), Type::Literals(theirs)) => mine.iter().all(|word| theirs.contains(word)),
            (Type::List(mine), Type::List(theirs)) => mine.fits(theirs),
            (Type::Json, Type::Str | Type::Int | Type::Bool | Type::List(_)) => true,
            (mine, theirs) => mine == theirs,
        }
    }

    /// Whether two values can be compared with `==`.
    pub fn comparable(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Literals(mine), Type::Literals(theirs)) => mine.iter().any(|word| theirs.contains(word)),
            _ => self.fits(other) || other.fits(self),
        }
    }

    /// Whether `<` and the like order values of this type.
    pub fn ordered(&self) -> bool {
        matches!(
            self,
            Type::Int
                | Type::Duration
                | Type::Size
                | Type::Percent
                | Type::VmId
                | Type::Any
                | Type::Json
                | Type::Unknown
        )
    }

    /// Whether a value of this type is a secret, or has one in it.
    pub fn holds_secret(&self) -> bool {
        match self {
            Type::Secret => true,
            Type::List(of) => of.holds_secret(),
            _ => false,
        }
    }

    /// Whether a value of this type has a text that can stand in a command or a message.
    pub fn has_text(&self) -> bool {
        !matches!(self, Type::Output | Type::List(_) | Type::Failure | Type::Secret)
    }
}
