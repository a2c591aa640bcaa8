//! gzip framing (RFC 1952) around deflate.

/// Of zlib's 0 to 10: about as fast as it gets, at most of the gain.
const LEVEL: u8 = 4;

/// One gzip member.
pub(crate) fn compress(bytes: &[u8]) -> Vec<u8> {
    // Magic, deflate, no flags, no time, no hint, unknown system.
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    member.extend(miniz_oxide::deflate::compress_to_vec(bytes, LEVEL));
    member.extend(crc32(bytes).to_le_bytes());
    member.extend((bytes.len() as u32).to_le_bytes());
    member
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)]
    })
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                (value >> 1) ^ 0xedb8_8320
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_member_inflates_to_what_went_in() {
        let text = b"selvedge ".repeat(100);
        let member = compress(&text);
        let deflated = &member[10..member.len() - 8];
        let inflated = miniz_oxide::inflate::decompress_to_vec(deflated);
        assert_eq!(inflated.expect("just deflated"), text);
        assert!(member.len() < text.len() / 4);
    }
}
