// SPDX-License-Identifier: Apache-2.0
// The border to libsodium against the vectors of the documents that it names.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "matcher/seal.h"

static size_t bytes_of(const char *hex, uint8_t *ret)
{
    size_t count = strlen(hex) / 2;
    assert_int_equal(fg_seal_from_hex(hex, strlen(hex), ret, count), 0);
    return count;
}

// ---- sealing: draft-irtf-cfrg-xchacha-03, A.3.1 -------------------------------------------------

static const char sunscreen[] =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    "sunscreen would be it.";

static void test_sealing(void **state)
{
    uint8_t key[FG_SEAL_KEY], nonce[FG_SEAL_NONCE], data[16], want[200], sealed[200], plain[200];
    const size_t length = sizeof sunscreen - 1;
    (void)state;
    bytes_of("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", key);
    bytes_of("404142434445464748494a4b4c4d4e4f5051525354555657", nonce);
    size_t data_length = bytes_of("50515253c0c1c2c3c4c5c6c7", data);
    bytes_of("bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
             "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
             "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
             "21f9664c97637da9768812f615c68b13b52e"
             "c0875924c1c7987947deafd8780acf49",
             want);
    fg_seal(key, nonce, data, data_length, sunscreen, length, sealed);
    assert_memory_equal(sealed, want, length + FG_SEAL_TAG);
    assert_int_equal(fg_unseal(key, nonce, data, data_length, sealed, length + FG_SEAL_TAG, plain),
                     0);
    assert_memory_equal(plain, sunscreen, length);
    data[0] ^= 1;
    assert_int_equal(fg_unseal(key, nonce, data, data_length, sealed, length + FG_SEAL_TAG, plain),
                     -EBADMSG);
    assert_int_equal(fg_unseal(key, nonce, data, data_length, sealed, FG_SEAL_TAG - 1, plain),
                     -EBADMSG);
}

// ---- signatures: RFC 8032, 7.1 ------------------------------------------------------------------

static const struct {
    const char *seed, *key, *message, *signature;
} signatures[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
     "b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
     "1d8c387b2eaeb4302aeeb00d291612bb0c00"},
};

static void test_signatures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        uint8_t seed[32], key[32], message[8], want[64], got[64];
        bytes_of(signatures[i].seed, seed);
        bytes_of(signatures[i].key, key);
        bytes_of(signatures[i].signature, want);
        size_t length = bytes_of(signatures[i].message, message);
        fg_seal_sign_public(seed, got);
        assert_memory_equal(got, key, sizeof key);
        fg_seal_sign(seed, message, length, got);
        assert_memory_equal(got, want, sizeof want);
        assert_int_equal(fg_seal_sign_check(key, message, length, got), 0);
        for (unsigned bit = 0; bit < 512; bit++) {
            got[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(fg_seal_sign_check(key, message, length, got), -EKEYREJECTED);
            got[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        message[0] ^= 1;
        assert_int_equal(fg_seal_sign_check(key, message, length > 0 ? length : 1, got),
                         -EKEYREJECTED);
    }
}

// S and S + L sign alike in a lax verifier: a signed token would have a second form.
static void test_one_signature(void **state)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    uint8_t key[32], signature[64];
    unsigned carry = 0;
    (void)state;
    bytes_of(signatures[0].key, key);
    bytes_of(signatures[0].signature, signature);
    assert_int_equal(fg_seal_sign_check(key, "", 0, signature), 0);
    for (unsigned i = 0; i < 32; i++) {
        carry += signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(fg_seal_sign_check(key, "", 0, signature), -EKEYREJECTED);
    // nor does the neutral point's key sign everything
    memset(key, 0, sizeof key);
    memset(signature, 0, sizeof signature);
    key[0] = signature[0] = 1;
    assert_int_equal(fg_seal_sign_check(key, "any", 3, signature), -EKEYREJECTED);
}

static void test_digest(void **state)
{
    uint8_t want[FG_SEAL_DIGEST], got[FG_SEAL_DIGEST];
    (void)state;
    bytes_of("bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319", want);
    fg_seal_digest("abc", 3, got); // as b2sum -l 256 prints it
    assert_memory_equal(got, want, sizeof want);
}

// ---- passwords ----------------------------------------------------------------------------------

static void test_passwords(void **state)
{
    char hash[FG_SEAL_PASSWORD], other[FG_SEAL_PASSWORD], endless[FG_SEAL_PASSWORD];
    (void)state;
    assert_int_equal(fg_seal_password_hash("4711", hash), 0);
    assert_int_equal(fg_seal_password_hash("4711", other), 0);
    assert_string_not_equal(hash, other); // salted
    assert_ptr_equal(strstr(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash);
    assert_null(strstr(hash, "4711$"));
    assert_int_equal(fg_seal_password_check(hash, "4711"), 0);
    assert_int_equal(fg_seal_password_check(other, "4711"), 0);
    assert_int_equal(fg_seal_password_check(hash, "4712"), -EKEYREJECTED);
    assert_int_equal(fg_seal_password_check(hash, "471"), -EKEYREJECTED);
    assert_int_equal(fg_seal_password_check(hash, ""), -EKEYREJECTED);
    hash[strlen(hash) - 10] ^= 1;
    assert_true(fg_seal_password_check(hash, "4711") < 0);
    hash[40] = '\0';
    assert_int_equal(fg_seal_password_check(hash, "4711"), -EBADMSG);
    assert_int_equal(fg_seal_password_check("", "4711"), -EBADMSG);
    memset(endless, 'x', sizeof endless);
    assert_int_equal(fg_seal_password_check(endless, "4711"), -EBADMSG);
}

static int set_up(void **state)
{
    (void)state;
    return fg_seal_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sealing),       cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_one_signature), cmocka_unit_test(test_digest),
        cmocka_unit_test(test_passwords),
    };
    return cmocka_run_group_tests_name("seal", tests, set_up, NULL);
}
