//! As much of HPACK (RFC 7541) as a client written by hand needs: literals out, and a status in.

/// Fields as literals without indexing and without Huffman (§6.2.2): each octet as it is here.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| literal(name.as_bytes(), value.as_bytes())).collect()
}

/// One such field, of any octets.
pub fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[0][..], &string(name), &string(value)].concat()
}

/// §5.2.
pub fn string(octets: &[u8]) -> Vec<u8> {
    let mut string = integer(0, 7, octets.len());
    string.extend(octets);
    string
}

/// §5.1; `first` has what stands before the prefix of so many bits.
pub fn integer(first: u8, prefix: u8, value: usize) -> Vec<u8> {
    let most = (1 << prefix) - 1;
    if value < most {
        return vec![first | u8::try_from(value).unwrap()];
    }
    let mut octets = vec![first | u8::try_from(most).unwrap()];
    let mut rest = value - most;
    while rest >= 128 {
        octets.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    octets.push(u8::try_from(rest).unwrap());
    octets
}

/// The status of an answer, which is its first field: from the static table, or its name from there and digits, plain or Huffman-coded.
pub fn status(block: &[u8]) -> u16 {
    let mut rest = block;
    // §6.3: a table's new size may come first.
    while let [size, after @ ..] = rest
        && size & 0xe0 == 0x20
    {
        rest = after;
        if size & 0x1f == 0x1f {
            let end = rest.iter().position(|octet| octet & 128 == 0).unwrap();
            rest = &rest[end + 1..];
        }
    }
    match rest {
        [indexed @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)],
        // §6.2: the name is one of the static table's `:status`; with indexing, without, or never.
        [name, length, digits @ ..]
            if matches!(name, 0x48..=0x4e | 0x08..=0x0e | 0x18..=0x1e) && digits.len() >= usize::from(length & 127) =>
        {
            let digits = &digits[..usize::from(length & 127)];
            let digits = if length & 128 == 0 { digits.to_vec() } else { huffman_digits(digits) };
            String::from_utf8(digits).unwrap().parse().unwrap()
        }
        _ => panic!("no status in {block:x?}"),
    }
}

/// RFC 7541 Appendix B: the digits have five bits or six.
fn huffman_digits(octets: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1)).collect();
    let mut digits = Vec::new();
    let mut at = 0;
    let number = |bits: &[u8]| bits.iter().fold(0, |number, bit| number * 2 + bit);
    while let Some(five) = bits.get(at..at + 5) {
        if number(five) <= 2 {
            digits.push(b'0' + number(five));
            at += 5;
        } else if let Some(six @ [..]) = bits.get(at..at + 6)
            && (0b01_1001..=0b01_1111).contains(&number(six))
        {
            digits.push(b'3' + number(six) - 0b01_1001);
            at += 6;
        } else {
            break;
        }
    }
    digits
}

#[test]
fn a_status_is_read_however_it_is_written() {
    let blocks: [(&[u8], u16); 6] = [
        (&[0x88], 200),
        (&[0x20, 0x8d, 0x00], 404),
        (&[0x3f, 0xe1, 0x1f, 0x8c], 400),
        // RFC 7541 C.6.1 and C.6.2.
        (&[0x48, 0x82, 0x64, 0x02], 302),
        (&[0x48, 0x83, 0x64, 0x0e, 0xff], 307),
        (&[0x08, 0x03, b'4', b'0', b'1'], 401),
    ];
    for (block, expected) in blocks {
        assert_eq!(status(block), expected, "{block:x?}");
    }
}

#[test]
fn integers_are_those_of_the_rfc() {
    // RFC 7541 C.1.
    assert_eq!(integer(0, 5, 10), [0b0_1010]);
    assert_eq!(integer(0, 5, 1337), [0b1_1111, 0b1001_1010, 0b0000_1010]);
    assert_eq!(integer(0, 8, 42), [0b0010_1010]);
}
