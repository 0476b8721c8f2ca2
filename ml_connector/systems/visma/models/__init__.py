"""What Visma's rows hold, under the names that people use in `fields:` and `where:`.

Read from a landed payload at mapping time only. Tolerant, because the vendor leaves out, nulls or empties whatever it
likes: every member but the key may be missing, a null list is empty, unknown members are ignored. Names and types are
those of the Visma reference's appendix, in snake case; amounts are Decimal, dates without a time are dates.
"""

from ml_connector.systems.visma.models.common import (
    AccountRef,
    Address,
    Attribute,
    ContactInfo,
    Described,
    Location,
    Model,
    Named,
    Numbered,
    Segment,
    SubaccountRef,
)
from ml_connector.systems.visma.models.customers import Contact, Customer, CustomerClass
from ml_connector.systems.visma.models.documents import Application, CustomerDocument, DocumentLine, TaxDetail
from ml_connector.systems.visma.models.journals import JournalLine, JournalTransaction
from ml_connector.systems.visma.models.masters import (
    Account,
    Branch,
    CreditTerm,
    Currency,
    Dimension,
    DimensionSegment,
    GeneralLedger,
    SegmentValue,
    Subaccount,
    VatCode,
    VatSchedule,
)
from ml_connector.systems.visma.models.suppliers import Supplier, SupplierClass

__all__ = [
    "Account",
    "AccountRef",
    "Address",
    "Application",
    "Attribute",
    "Branch",
    "Contact",
    "ContactInfo",
    "CreditTerm",
    "Currency",
    "Customer",
    "CustomerClass",
    "CustomerDocument",
    "Described",
    "Dimension",
    "DimensionSegment",
    "DocumentLine",
    "GeneralLedger",
    "JournalLine",
    "JournalTransaction",
    "Location",
    "Model",
    "Named",
    "Numbered",
    "Segment",
    "SegmentValue",
    "Subaccount",
    "SubaccountRef",
    "Supplier",
    "SupplierClass",
    "TaxDetail",
    "VatCode",
    "VatSchedule",
]
