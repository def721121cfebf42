//! Zip archives (a Python wheel is one): listing and extracting members by name, with the inflated bytes counted.

use std::io::{BufReader, BufWriter, Read, Seek, Write};

use zip::{ZipArchive, read::ZipFile};

use super::fields::{invalid, unwritable};
use crate::engine::{EngineError, parse::ZipMember};

const MAX_MEMBERS: usize = 100_000;

/// An opened archive.
pub struct Archive<R: Read + Seek> {
    archive: ZipArchive<BufReader<R>>,
}

fn unreadable(what: &str, error: &impl std::fmt::Display) -> EngineError {
    invalid(format!("{what} cannot be read: {error}"))
}

impl<R: Read + Seek> Archive<R> {
    pub fn open(source: R) -> Result<Self, EngineError> {
        let archive = ZipArchive::new(BufReader::new(source)).map_err(|error| unreadable("the zip archive", &error))?;
        if archive.len() > MAX_MEMBERS {
            return Err(invalid(format!("the zip archive has {} members; at most {MAX_MEMBERS} are accepted", archive.len())));
        }
        Ok(Self { archive })
    }

    /// Regular members. A symbolic link is refused: nothing we fetch has one.
    pub fn list(&mut self) -> Result<Vec<ZipMember>, EngineError> {
        let mut members = Vec::new();
        for index in 0..self.archive.len() {
            let file = self.archive.by_index(index).map_err(|error| unreadable("the zip archive", &error))?;
            let name = file.name().map_err(|error| unreadable("a member's name", &error))?.into_owned();
            if file.is_symlink() {
                return Err(invalid(format!("the zip archive holds a symbolic link, {name:?}")));
            }
            if file.is_file() {
                members.push(ZipMember { name, bytes: file.size(), unix_mode: file.unix_mode() });
            }
        }
        Ok(members)
    }

    /// Writes one member; refuses it as soon as it inflates past `max_bytes`. Returns its size.
    pub fn extract(&mut self, member: &str, max_bytes: u64, output: impl Write) -> Result<u64, EngineError> {
        let file = self.archive.by_name(member).map_err(|error| unreadable(&format!("member {member:?}"), &error))?;
        if !file.is_file() {
            return Err(invalid(format!("member {member:?} is not a regular file")));
        }
        copy_bounded(file, member, max_bytes, output)
    }
}

fn copy_bounded<R: Read + ?Sized>(file: ZipFile<'_, R>, member: &str, max_bytes: u64, output: impl Write) -> Result<u64, EngineError> {
    let mut inflated = file.take(max_bytes.saturating_add(1));
    let mut output = BufWriter::with_capacity(256 * 1024, output);
    let mut buffer = vec![0; 256 * 1024];
    let mut written = 0;
    loop {
        let size = inflated.read(&mut buffer).map_err(|error| unreadable(&format!("member {member:?}"), &error))?;
        if size == 0 {
            break;
        }
        written += size as u64;
        if written > max_bytes {
            return Err(invalid(format!("member {member:?} inflates to more than {max_bytes} bytes")));
        }
        output.write_all(&buffer[..size]).map_err(unwritable)?;
    }
    output.flush().map_err(unwritable)?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Cursor<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_disk() {
        let mut bomb = Archive::open(archive(&[("bomb", &vec![0; 10_000_000])])).unwrap();
        let mut output = Vec::new();
        let error = bomb.extract("bomb", 1_000_000, &mut output).unwrap_err();
        assert!(error.to_string().contains("more than 1000000 bytes"), "{error}");
        assert!(output.len() <= 1_000_000);
    }

    #[test]
    fn members_come_out_as_they_went_in() {
        let mut archive = Archive::open(archive(&[("a/b.txt", b"dream"), ("c", b"")])).unwrap();
        let names: Vec<_> = archive.list().unwrap().into_iter().map(|member| (member.name, member.bytes)).collect();
        assert_eq!(names, [("a/b.txt".to_owned(), 5), ("c".to_owned(), 0)]);
        let mut output = Vec::new();
        assert_eq!(archive.extract("a/b.txt", 5, &mut output).unwrap(), 5);
        assert_eq!(output, b"dream");
        assert!(archive.extract("nothing", 5, &mut output).unwrap_err().to_string().contains("nothing"));
    }

    #[test]
    fn bytes_that_are_no_archive_and_cut_or_flipped_archives_are_errors() {
        let whole = archive(&[("a", &[7; 300]), ("b", &[9; 300])]).into_inner();
        assert!(Archive::open(Cursor::new(b"not a zip".to_vec())).is_err());
        for cut in 0..whole.len() {
            assert!(Archive::open(Cursor::new(whole[..cut].to_vec())).is_err());
        }
        for position in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[position] ^= 0x10;
            if let Ok(mut archive) = Archive::open(Cursor::new(flipped)) {
                let _ = archive.list();
                let _ = archive.extract("a", 1000, std::io::sink());
            }
        }
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        let error = Archive::open(writer.finish().unwrap()).unwrap().list().unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
    }
}
