//! The server's side: asynchronous reads and writes.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    cmsg_space,
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
};

use super::{
    FromChild, MAX_DESCRIPTORS, ToChild,
    frame::{CHUNK_BYTES, HEADER_BYTES, body_length, decode, encode, malformed},
};

/// One message of a child.
#[derive(Debug)]
pub(in crate::engine) struct Received {
    pub message: FromChild,
    /// What it took on the wire.
    pub bytes: usize,
}

/// The child's next message, of at most `most_bytes`; `None` once it has closed its end.
pub(in crate::engine) async fn receive(socket: &mut OwnedReadHalf, most_bytes: usize) -> io::Result<Option<Received>> {
    let mut header = [0; HEADER_BYTES];
    let mut filled = 0;
    while filled < HEADER_BYTES {
        match socket.read(&mut header[filled..]).await? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => filled += bytes,
        }
    }
    let length = body_length(header, most_bytes)?;
    let mut body = Vec::with_capacity(length.min(CHUNK_BYTES));
    socket.take(length as u64).read_to_end(&mut body).await?;
    if body.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(Received { message: decode(&body)?, bytes: HEADER_BYTES + length }))
}

/// A message ready to be sent. Fails when it is larger than a frame may be.
pub(in crate::engine) fn frame(message: &ToChild) -> io::Result<Vec<u8>> {
    encode(message)
}

/// Sends one frame, whole; `descriptors` (at most [`MAX_DESCRIPTORS`]) travel with its first byte.
pub(in crate::engine) async fn send(socket: &mut OwnedWriteHalf, frame: &[u8], descriptors: &[OwnedFd]) -> io::Result<()> {
    let sent = if descriptors.is_empty() { 0 } else { send_first(socket, frame, descriptors).await? };
    socket.write_all(&frame[sent..]).await
}

/// Sends the descriptors and as much of the frame as the socket takes at once; returns how much that was.
async fn send_first(socket: &OwnedWriteHalf, frame: &[u8], descriptors: &[OwnedFd]) -> io::Result<usize> {
    if descriptors.len() > MAX_DESCRIPTORS {
        return Err(malformed(format!("a request carries at most {MAX_DESCRIPTORS} descriptors")));
    }
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    let stream: &tokio::net::UnixStream = socket.as_ref();
    stream
        .async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            if !ancillary.push(SendAncillaryMessage::ScmRights(&borrowed)) {
                return Err(malformed("the descriptors do not fit into one message"));
            }
            Ok(sendmsg(stream.as_fd(), &[IoSlice::new(frame)], &mut ancillary, SendFlags::NOSIGNAL)?)
        })
        .await
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read, Write},
        os::unix::net::UnixStream as Blocking,
    };

    use tokio::net::UnixStream;

    use super::{super::blocking, *};
    use crate::engine::{
        EmbeddingRequest, EmbeddingRole,
        parse::ParseRequest,
        wire::{Request, STARTING},
    };

    fn pair() -> (UnixStream, Blocking) {
        let (server, child) = Blocking::pair().unwrap();
        server.set_nonblocking(true).unwrap();
        (UnixStream::from_std(server).unwrap(), child)
    }

    #[tokio::test]
    async fn descriptors_arrive_with_their_own_request_and_no_other() {
        let (server, child) = pair();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"a dream").unwrap();
        let receiving = std::thread::spawn(move || {
            let mut counts = Vec::new();
            while let Some((message, descriptors)) = blocking::receive(&child).unwrap() {
                let ToChild::Request { id, .. } = message else { panic!("not a request") };
                let texts = descriptors.into_iter().map(|descriptor| {
                    let mut text = String::new();
                    let mut file = File::from(descriptor);
                    std::io::Seek::rewind(&mut file).unwrap();
                    file.read_to_string(&mut text).unwrap();
                    text
                });
                counts.push((id, texts.collect::<Vec<_>>()));
            }
            counts
        });
        let (_read, mut write) = server.into_split();
        let request = |id| frame(&ToChild::Request { id, request: Request::Parse(ParseRequest::ListZip) }).unwrap();
        send(&mut write, &request(1), &[]).await.unwrap();
        send(&mut write, &request(2), &[file.into()]).await.unwrap();
        send(&mut write, &request(3), &[]).await.unwrap();
        drop((write, _read));
        assert_eq!(receiving.join().unwrap(), [(1, vec![]), (2, vec!["a dream".to_owned()]), (3, vec![])]);
    }

    #[tokio::test]
    async fn a_request_larger_than_the_sockets_buffer_arrives_whole() {
        let (server, child) = pair();
        let receiving = std::thread::spawn(move || blocking::receive(&child).unwrap().unwrap().0);
        let (_read, mut write) = server.into_split();
        let texts = vec!["x".repeat(3_000_000), "y".repeat(10)];
        let request = Request::Embed(EmbeddingRequest { texts: texts.clone(), role: EmbeddingRole::Query });
        send(&mut write, &frame(&ToChild::Request { id: 9, request }).unwrap(), &[]).await.unwrap();
        let ToChild::Request { id: 9, request: Request::Embed(arrived) } = receiving.join().unwrap() else { panic!("another message") };
        assert_eq!(arrived.texts, texts);
    }

    #[tokio::test]
    async fn a_frame_cut_short_too_long_or_of_nonsense_is_an_error_and_an_end_between_frames_is_not() {
        for (bytes, expected) in [
            (vec![], Ok(())),
            (vec![1, 0], Err(io::ErrorKind::UnexpectedEof)),
            (vec![200, 0, 0, 0, 1], Err(io::ErrorKind::UnexpectedEof)),
            (vec![255, 255, 255, 255, 0], Err(io::ErrorKind::InvalidData)),
            (vec![233, 3, 0, 0, 0], Err(io::ErrorKind::InvalidData)),
            (vec![2, 0, 0, 0, 77, 77], Err(io::ErrorKind::InvalidData)),
        ] {
            let (server, mut child) = pair();
            child.write_all(&bytes).unwrap();
            drop(child);
            let (mut read, _write) = server.into_split();
            let received = receive(&mut read, 1000).await;
            assert_eq!(received.map(|message| assert!(message.is_none())).map_err(|error| error.kind()), expected, "{bytes:?}");
        }
        let (server, child) = pair();
        blocking::send(&child, &FromChild::Done { id: STARTING }).unwrap();
        let (mut read, _write) = server.into_split();
        assert!(matches!(receive(&mut read, 1000).await, Ok(Some(Received { message: FromChild::Done { id: STARTING }, bytes: 6 }))));
    }
}
