// SPDX-License-Identifier: Apache-2.0
#include "matcher/reasons.h"

#include <stddef.h>
#include <string.h>

#define N_(text) text // for xgettext

#define SAYS(code, sentence)                                                                       \
    {                                                                                              \
        code, sentence, FG_PARAMETER_NONE, NULL                                                    \
    }
#define NAMES(code, sentence, parameter, naming)                                                   \
    {                                                                                              \
        code, sentence, FG_PARAMETER_##parameter, naming                                           \
    }
#define OUT_OF_ORDER N_("This gate is out of order.")

// In the order of the manual. Short enough for a gate's display; a blocked person is told no more
// than that the gate stays closed.
const struct fg_why fg_whys[] = {
    // as many as the header says, or it does not compile
    SAYS(FG_WHY_MATCHED, N_("Please go through.")),
    SAYS(FG_WHY_MORE_EVIDENCE, N_("One moment. Please keep looking at the camera.")),
    SAYS("too_small", N_("Please come closer.")),
    SAYS("too_dark", N_("It is too dark here. Please turn towards the light.")),
    SAYS("too_bright", N_("It is too bright here. Please turn away from the light.")),
    SAYS("blurred", N_("Please hold still for a moment.")),
    SAYS("pose", N_("Please look at the camera.")),
    SAYS("cut_off", N_("Please stand in the middle, in front of the camera.")),
    SAYS("occluded", N_("Please uncover your face.")),
    SAYS("no_face", N_("Your face cannot be seen. Please look at the camera.")),
    SAYS(FG_WHY_LOW_QUALITY, N_("Please look straight at the camera and hold still.")),
    SAYS(FG_WHY_NOT_LIVE, N_("Please stand before the camera in person.")),
    SAYS(FG_WHY_ONE_PERSON, N_("One person at a time, please.")),
    SAYS(FG_WHY_MIXED_TRACK, N_("Please come to the camera one after the other.")),
    SAYS(FG_WHY_NO_MATCH, N_("You were not recognised.")),
    SAYS(FG_WHY_GALLERY_TOO_LARGE, N_("Nobody can be recognised here at the moment.")),

    SAYS(FG_WHY_NOT_VALID_NOW, N_("Your registration is not valid now.")),
    NAMES(FG_WHY_NOT_YET_VALID, N_("Your registration is not valid yet."), DAY,
          N_("Your registration is valid from %1$s.")),
    NAMES(FG_WHY_REGISTRATION_EXPIRED, N_("Your registration has expired."), LAST_DAY,
          N_("Your registration expired on %1$s.")),
    SAYS(FG_WHY_BLOCKED, N_("You cannot pass here.")),
    SAYS(FG_WHY_NOT_A_CUSTOMER, N_("You are not registered with this company.")),
    SAYS(FG_WHY_NO_CONSENT, N_("There is no record of your consent.")),
    SAYS(FG_WHY_BIRTH_UNKNOWN, N_("Your date of birth is not on record.")),
    SAYS(FG_WHY_TOO_YOUNG, N_("You are too young to use this gate.")),
    SAYS(FG_WHY_GUARDIAN_NEEDED, N_("There is no record of your guardian's consent.")),

    SAYS(FG_WHY_WRONG_LANE, N_("You cannot pass here. Please use another gate.")),
    SAYS(FG_WHY_NO_PERMIT, N_("You have no permit for this area.")),
    SAYS(FG_WHY_OUTSIDE_HOURS, N_("You cannot pass at this time of day.")),
    SAYS(FG_WHY_ZONE_FULL, N_("This area is full. Please wait.")),
    SAYS(FG_WHY_NO_TICKET, N_("There is no boarding pass in your name here.")),
    NAMES(FG_WHY_WRONG_GATE, N_("This is not your gate."), WORD,
          N_("This is not your gate. Please go to gate %1$s.")),
    NAMES(FG_WHY_TOO_EARLY, N_("You are too early."), TIME,
          N_("You are too early. Please come back after %1$s.")),
    NAMES(FG_WHY_DEPARTED, N_("Your flight has departed."), WORD, N_("Flight %1$s has departed.")),
    NAMES(FG_WHY_OTHER_LANE, N_("You are using another gate."), WORD,
          N_("You are using gate %1$s.")),
    SAYS(FG_WHY_COOLING_DOWN, N_("You have just passed here. Please wait a moment.")),
    SAYS(FG_WHY_USED_ALREADY, N_("This has been used already.")),
    SAYS(FG_WHY_ALREADY_INSIDE, N_("You have come in already.")),
    SAYS(FG_WHY_NOT_INSIDE, N_("There is no record that you came in.")),
    SAYS(FG_WHY_TAILGATE, N_("Only one person may pass at a time.")),
    SAYS(FG_WHY_UNKNOWN_INSIDE, N_("You are not registered for this area.")),

    SAYS(FG_WHY_NO_REQUEST, N_("Please wait until you are asked.")),
    SAYS(FG_WHY_LIMIT_EXCEEDED, N_("The amount is above your limit.")),
    SAYS(FG_WHY_PIN_NEEDED, N_("Please enter your PIN.")),
    SAYS(FG_WHY_PIN_WRONG, N_("The PIN is wrong.")),

    SAYS(FG_WHY_SHOW_TOKEN, N_("Please show your QR code.")),
    SAYS(FG_WHY_TOKEN_UNKNOWN, N_("This QR code is not known here.")),
    SAYS(FG_WHY_TOKEN_FORGED, N_("This QR code is not genuine.")),
    NAMES(FG_WHY_TOKEN_EXPIRED, N_("This QR code has expired."), LAST_DAY,
          N_("This QR code expired on %1$s.")),
    SAYS(FG_WHY_TOKEN_REVOKED, N_("This QR code has been cancelled.")),
    SAYS(FG_WHY_TOKEN_USED, N_("This QR code has been used already.")),
    SAYS(FG_WHY_TOKEN_SCOPE, N_("This QR code is not valid at this gate.")),
    SAYS(FG_WHY_OTHER_FACE, N_("Your face does not match what you have shown.")),
    SAYS(FG_WHY_NO_OWNER, N_("Nobody looked at the camera. Please try again.")),
    SAYS(FG_WHY_DOCUMENT_REFUSED, N_("This document cannot be used here.")),
    SAYS(FG_WHY_DOCUMENT_UNVERIFIED, N_("This document has not been verified.")),
    SAYS(FG_WHY_PORTRAIT_NO_FACE, N_("There is no face in the document's photograph.")),
    SAYS(FG_WHY_PORTRAIT_MANY_FACES, N_("There are several faces in the document's photograph.")),
    SAYS(FG_WHY_PORTRAIT_POOR, N_("The document's photograph is not clear enough.")),

    SAYS(FG_WHY_CLOCK_WRONG, OUT_OF_ORDER),
    SAYS(FG_WHY_STORE_FULL, OUT_OF_ORDER),
    SAYS(FG_WHY_MATCHER_BUSY, N_("The gate is busy. Please try again in a moment.")),
};

const struct fg_why *fg_why_find(const char *code)
{
    for (unsigned i = 0; i < FG_WHYS; i++)
        if (strcmp(fg_whys[i].code, code) == 0)
            return &fg_whys[i];
    return NULL;
}
