// SPDX-License-Identifier: Apache-2.0
//
// Linux's error numbers (x86-64), the error type of the whole kernel.
#pragma once

#include <cstdint>

namespace mokapot {

// clang-format off
enum class Errno : std::int32_t {
  kEPERM = 1, kENOENT = 2, kESRCH = 3, kEINTR = 4, kEIO = 5, kENXIO = 6, kE2BIG = 7,
  kENOEXEC = 8, kEBADF = 9, kECHILD = 10, kEAGAIN = 11, kENOMEM = 12, kEACCES = 13, kEFAULT = 14,
  kENOTBLK = 15, kEBUSY = 16, kEEXIST = 17, kEXDEV = 18, kENODEV = 19, kENOTDIR = 20,
  kEISDIR = 21, kEINVAL = 22, kENFILE = 23, kEMFILE = 24, kENOTTY = 25, kETXTBSY = 26,
  kEFBIG = 27, kENOSPC = 28, kESPIPE = 29, kEROFS = 30, kEMLINK = 31, kEPIPE = 32, kEDOM = 33,
  kERANGE = 34, kEDEADLK = 35, kENAMETOOLONG = 36, kENOLCK = 37, kENOSYS = 38, kENOTEMPTY = 39,
  kELOOP = 40, kENOMSG = 42, kEIDRM = 43, kECHRNG = 44, kEL2NSYNC = 45, kEL3HLT = 46,
  kEL3RST = 47, kELNRNG = 48, kEUNATCH = 49, kENOCSI = 50, kEL2HLT = 51, kEBADE = 52,
  kEBADR = 53, kEXFULL = 54, kENOANO = 55, kEBADRQC = 56, kEBADSLT = 57, kEBFONT = 59,
  kENOSTR = 60, kENODATA = 61, kETIME = 62, kENOSR = 63, kENONET = 64, kENOPKG = 65,
  kEREMOTE = 66, kENOLINK = 67, kEADV = 68, kESRMNT = 69, kECOMM = 70, kEPROTO = 71,
  kEMULTIHOP = 72, kEDOTDOT = 73, kEBADMSG = 74, kEOVERFLOW = 75, kENOTUNIQ = 76, kEBADFD = 77,
  kEREMCHG = 78, kELIBACC = 79, kELIBBAD = 80, kELIBSCN = 81, kELIBMAX = 82, kELIBEXEC = 83,
  kEILSEQ = 84, kERESTART = 85, kESTRPIPE = 86, kEUSERS = 87, kENOTSOCK = 88, kEDESTADDRREQ = 89,
  kEMSGSIZE = 90, kEPROTOTYPE = 91, kENOPROTOOPT = 92, kEPROTONOSUPPORT = 93,
  kESOCKTNOSUPPORT = 94, kEOPNOTSUPP = 95, kEPFNOSUPPORT = 96, kEAFNOSUPPORT = 97,
  kEADDRINUSE = 98, kEADDRNOTAVAIL = 99, kENETDOWN = 100, kENETUNREACH = 101, kENETRESET = 102,
  kECONNABORTED = 103, kECONNRESET = 104, kENOBUFS = 105, kEISCONN = 106, kENOTCONN = 107,
  kESHUTDOWN = 108, kETOOMANYREFS = 109, kETIMEDOUT = 110, kECONNREFUSED = 111, kEHOSTDOWN = 112,
  kEHOSTUNREACH = 113, kEALREADY = 114, kEINPROGRESS = 115, kESTALE = 116, kEUCLEAN = 117,
  kENOTNAM = 118, kENAVAIL = 119, kEISNAM = 120, kEREMOTEIO = 121, kEDQUOT = 122,
  kENOMEDIUM = 123, kEMEDIUMTYPE = 124, kECANCELED = 125, kENOKEY = 126, kEKEYEXPIRED = 127,
  kEKEYREVOKED = 128, kEKEYREJECTED = 129, kEOWNERDEAD = 130, kENOTRECOVERABLE = 131,
  kERFKILL = 132,
  // Kernel only, never seen by the application: the call is to be restarted (man 7 signal).
  kRestart = 512,            // restart if the handler has SA_RESTART
  kRestartNoHandler = 514,   // restart only if no handler ran
};
// clang-format on

// "ENOENT" and so on, for traces; "E?" for a number without a name.
const char* errno_name(Errno error);

}  // namespace mokapot
