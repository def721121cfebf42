//! File descriptors: every connection takes one, and a process may have so many and no more.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many connections are open at once; further ones wait to be taken.
const MOST_CONNECTIONS: usize = 4096;
/// What else is opened: the database, engines, files that are read or fetched, the command line's connections.
const OTHERS: u64 = 512;
/// However few may be opened, so many connections are taken: what lacks a descriptor then waits for one.
const FEWEST_CONNECTIONS: u64 = 64;
/// Two listeners' connections and the rest. More is of no use, and programs that are started inherit it.
const WANTED: u64 = 2 * MOST_CONNECTIONS as u64 + OTHERS;

/// Lets this process open as much as it needs, as far as its operator allows (the hard limit; getrlimit(2)).
pub fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    if current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    let connections = connections();
    if connections < MOST_CONNECTIONS {
        tracing::warn!(
            connections,
            open_files = getrlimit(Resource::Nofile).current,
            "few files may be open at once, and so few connections are taken: raise the limit (`ulimit -Hn`, LimitNOFILE=)"
        );
    }
}

/// How many connections a listener takes at once.
pub fn connections() -> usize {
    fitting(getrlimit(Resource::Nofile).current)
}

/// `None`: no limit.
fn fitting(limit: Option<u64>) -> usize {
    let left = limit.map(|limit| limit.saturating_sub(OTHERS).max(FEWEST_CONNECTIONS));
    left.and_then(|left| usize::try_from(left).ok()).map_or(MOST_CONNECTIONS, |left| left.min(MOST_CONNECTIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_as_many_as_there_are_descriptors_for() {
        let of = |limit| fitting(Some(limit));
        assert_eq!([of(64), of(1024), of(4608), of(1 << 40)], [64, 512, 4096, 4096]);
        assert_eq!(fitting(None), MOST_CONNECTIONS);
    }

    #[test]
    fn the_limit_is_raised_and_never_lowered() {
        let before = getrlimit(Resource::Nofile);
        raise_limit();
        let after = getrlimit(Resource::Nofile);
        assert_eq!(after.maximum, before.maximum);
        assert!(after.current >= before.current || after.current.is_none());
        assert!(after.current.is_none_or(|current| current >= WANTED || after.maximum == Some(current)), "{after:?}");
    }
}
